import { mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Wire } from '../src/wire';
import { seriousFindings } from './axe';
import { HALL, LAPTOP, launch, open, PHONE, type Watched } from './browser';
import { Demo } from './demo';
import { film } from './film';

const SHOTS = join(import.meta.dirname, '../../test-results');
const LONG_MS = 300_000;
const STEP_MS = 60_000;
/** Somebody at the end of the demo's roster. */
const MOBILE = '19900000297';
const CROWD = 25;
const ROLLS = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8];

const expected = (text: string): boolean => /\b401\b/.test(text) && /\/(api\/session|me)$/.test(text);

/** A picture of one colour, made by the browser. */
async function plain(
  page: Page,
  colour: string,
  type: string,
  size: readonly [number, number] = [1600, 900],
): Promise<Buffer> {
  const made = await page.evaluate(
    ([fill, kind, [width, height]]) => {
      const canvas = document.createElement('canvas');
      canvas.width = width;
      canvas.height = height;
      const context = canvas.getContext('2d');
      if (context === null) throw new Error('no canvas');
      context.fillStyle = fill;
      context.fillRect(0, 0, width, height);
      context.fillStyle = '#fff';
      context.beginPath();
      context.arc(width / 2, height / 2, height / 3, 0, 7);
      context.fill();
      return canvas.toDataURL(kind);
    },
    [colour, type, size] as const,
  );
  return Buffer.from(made.split(',')[1] ?? '', 'base64');
}

describe('the host’s desk', () => {
  let browser: Browser;
  let demo: Demo;
  let phone: Watched;
  const all: Watched[] = [];

  beforeAll(async () => {
    mkdirSync(SHOTS, { recursive: true });
    [demo, browser] = await Promise.all([Demo.start(), launch()]);
  }, LONG_MS);

  afterAll(async () => {
    await browser?.close();
    await demo?.stop();
  });

  async function fresh(size: typeof HALL, ...also: string[]): Promise<Watched> {
    const watched = await open(browser, size, demo.at.base, ...also);
    watched.page.setDefaultTimeout(STEP_MS);
    all.push(watched);
    return watched;
  }

  async function logIn(page: Page, role: string): Promise<void> {
    const { user, password } = demo.staff(role);
    await page.goto(demo.at.pages.control);
    await page.getByLabel('用户名').fill(user);
    await page.getByLabel('密码', { exact: true }).fill(password);
    await page.getByRole('button', { name: '登录', exact: true }).click();
    await page.getByRole('link', { name: '2026 年会（示例）' }).click();
    await page.getByRole('navigation').getByRole('link').first().waitFor();
  }

  async function panel(page: Page, name: string): Promise<void> {
    await page.getByRole('navigation').getByRole('link', { name, exact: true }).click();
  }

  async function look(page: Page, name: string): Promise<void> {
    await page.screenshot({ path: join(SHOTS, `desk-${name}.png`), fullPage: true });
    expect(await page.evaluate(() => document.documentElement.scrollWidth > innerWidth), name).toBe(false);
  }

  async function enter(): Promise<Watched> {
    const watched = await fresh(PHONE, demo.sandboxOrigin);
    const { page } = watched;
    await page.goto(demo.at.pages.attendee);
    await page.waitForURL(/\/connect\/oauth2\/authorize/);
    const mine = page.getByRole('button', { name: MOBILE });
    const openid = (await mine.getAttribute('value')) ?? '';
    await demo.sandbox('/callbacks', { openid, event: 'subscribe' });
    await mine.click();
    await page.getByLabel('手机号', { exact: true }).fill(MOBILE);
    await page.getByRole('checkbox').check();
    await page.getByRole('button', { name: '获取验证码' }).click();
    await page.getByLabel('短信验证码').fill(await demo.code(MOBILE));
    await page.getByRole('button', { name: '确认签到' }).click();
    await page.getByText('您已入池').waitFor();
    return watched;
  }

  /** One seat and one person in the pool: the winner is the phone. */
  async function win(): Promise<void> {
    const prize = { name: '纪念奖', kind: 'goods', goods: '纪念保温杯' };
    const { id } = await demo.call<Wire['PrizeView']>('host', 'POST /prizes', prize);
    const rules = { prize_id: id, seats: 1, sources: [{ s: 'dice', sides: 10, count: 12 }] };
    const round = await demo.call<Wire['RoundView']>('host', 'POST /rounds', rules);
    const { draw } = await demo.call<Wire['Committed']>('host', `POST /rounds/${round.id}/commit`);
    const roll = (): Promise<unknown> =>
      demo.call('host', `POST /draws/${draw}/entropy`, { i: 0, value: { rolls: ROLLS } });
    await vi.waitFor(roll, { timeout: STEP_MS, interval: 500 });
    await demo.call('host', `POST /draws/${draw}/result`);
    // Nobody is confirmed before the screens show the winners.
    const confirm = (): Promise<unknown> =>
      demo.call('host', `POST /draws/${draw}/seats`, { status: 'present' });
    await vi.waitFor(confirm, { timeout: STEP_MS, interval: 500 });
  }

  it(
    'hands out a prize against the code on the winner’s phone, once',
    async () => {
      phone = await enter();
      await win();
      const claim = phone.page.locator('.claim');
      await claim.getByRole('img', { name: '领奖码的二维码' }).waitFor();
      await phone.page.getByText('请凭领奖码').waitFor();
      await look(phone.page, 'phone-claim');
      expect(await seriousFindings(phone.page)).toEqual([]);
      const code = await claim.locator('.qr').screenshot();

      const desk = await fresh(PHONE);
      await logIn(desk.page, 'host');
      await panel(desk.page, '领奖');
      await look(desk.page, 'goods-phone');
      await desk.page
        .locator('.photo input')
        .setInputFiles({ name: 'a.png', mimeType: 'image/png', buffer: code });
      const found = desk.page.locator('.claim');
      await found.getByText('纪念保温杯').waitFor();
      await look(desk.page, 'claim-phone');
      expect(await seriousFindings(desk.page)).toEqual([]);
      await found.getByRole('button', { name: '确认已交给本人' }).click();
      await found.getByText('已登记发放').waitFor();
      await look(desk.page, 'handed-phone');
      await phone.page.getByText(/纪念保温杯 已于 .* 领取/).waitFor();
      expect(await claim.count()).toBe(0);
      await desk.page.getByRole('button', { name: '下一位' }).click();
      await desk.page.locator('fieldset').getByRole('button', { name: '已领', exact: true }).click();
      await desk.page
        .getByRole('row')
        .filter({ hasText: demo.staff('host').user })
        .waitFor();
      const saved = desk.page.waitForEvent('download');
      await desk.page.getByRole('button', { name: '导出签收表' }).click();
      expect(statSync(await (await saved).path()).size).toBeGreaterThan(4_000);
      for (const address of [desk.page.url(), phone.page.url()]) expect(address).not.toMatch(/claim|code=/);

      // The same code once more, through a camera.
      const file = join(demo.folder, 'camera.y4m');
      await film(phone.page, code, file);
      const filming = await launch([
        '--use-fake-ui-for-media-stream',
        '--use-fake-device-for-media-stream',
        `--use-file-for-fake-video-capture=${file}`,
      ]);
      const second = await open(filming, PHONE, demo.at.base);
      second.page.setDefaultTimeout(STEP_MS);
      await logIn(second.page, 'reviewer');
      await panel(second.page, '领奖');
      await second.page.getByRole('button', { name: '打开摄像头扫码' }).click();
      await second.page.getByText('已经发放过，不要重复发放').waitFor();
      await second.page
        .locator('.claim')
        .getByText(`由 ${demo.staff('host').user} 发放`)
        .waitFor();
      expect(await second.page.getByRole('button', { name: '确认已交给本人' }).count()).toBe(0);
      await look(second.page, 'already-phone');
      expect(second.complaints.filter((text) => !expected(text))).toEqual([]);
      await filming.close();
    },
    LONG_MS,
  );

  it(
    'puts pictures on prizes and behind the screen, and shows what the screen shows',
    async () => {
      const [desk, screen] = [await fresh(LAPTOP), await fresh(HALL)];
      const { code } = await demo.call<Wire['Pairing']>('host', 'POST /pairing');
      await screen.page.goto(demo.at.pages.screen);
      await screen.page.getByLabel('配对码').fill(code);
      await screen.page.getByRole('button', { name: '连接' }).click();
      await demo.call('host', 'POST /scene', { name: 'pause', text: '茶歇' });
      await screen.page.getByText('茶歇').waitFor();
      const corner = async (): Promise<string> =>
        (await screen.page.screenshot({ clip: { x: 30, y: 500, width: 40, height: 40 } })).toString('base64');
      await vi.waitFor(async () => expect(await corner()).toBe(await corner()), { timeout: 20_000 });
      const before = await corner();

      await logIn(desk.page, 'host');
      const stage = desk.page.locator('.stage-card');
      const back = await plain(desk.page, '#1d7ad0', 'image/jpeg');
      await stage
        .getByLabel('背景图片')
        .setInputFiles({ name: 'b.jpg', mimeType: 'image/jpeg', buffer: back });
      await stage.getByRole('img', { name: '背景图片' }).waitFor();
      await vi.waitFor(async () => expect(await corner()).not.toBe(before), {
        timeout: 20_000,
        interval: 100,
      });
      const logo = await plain(desk.page, '#c01020', 'image/png', [600, 200]);
      await stage
        .getByLabel('标志图片')
        .setInputFiles({ name: 'l.png', mimeType: 'image/png', buffer: logo });
      await screen.page.locator('header img').waitFor();
      const pictured = await corner();
      await screen.page.reload();
      await screen.page.getByText('茶歇').waitFor();
      await vi.waitFor(async () => expect(await corner()).toBe(pictured), { timeout: 20_000, interval: 100 });
      await look(desk.page, 'stage');

      const fake = { name: 'x.png', mimeType: 'image/png', buffer: Buffer.from('<svg/>') };
      await stage.getByLabel('标志图片').setInputFiles(fake);
      await desk.page.getByText('只能上传 JPEG、PNG 或 WebP 图片。').waitFor();
      desk.complaints.splice(
        0,
        desk.complaints.length,
        ...desk.complaints.filter((text) => !/\b415\b/.test(text)),
      );

      await panel(desk.page, '奖项与轮次');
      await desk.page
        .getByRole('listitem')
        .filter({ hasText: '一等奖' })
        .getByRole('button', { name: '编辑' })
        .click();
      const dialog = desk.page.getByRole('dialog');
      const picture = await plain(desk.page, '#e0a010', 'image/webp', [800, 800]);
      await dialog
        .getByLabel('奖品图片')
        .setInputFiles({ name: 'p.webp', mimeType: 'image/webp', buffer: picture });
      await dialog.getByRole('img', { name: '奖品图片' }).waitFor();
      await look(desk.page, 'prize-picture');
      await dialog.getByRole('button', { name: '保存' }).click();
      await dialog.waitFor({ state: 'hidden' });
      const rounds = await demo.call<Wire['RoundView'][]>('host', 'GET /rounds');
      const first = rounds.find(({ name }) => name === '一等奖');
      await demo.call('host', 'POST /scene', { name: 'ready', round_id: first?.id });
      const shown = screen.page.locator('.prize img');
      await shown.waitFor();
      await vi.waitFor(
        async () => expect(await shown.evaluate((one) => (one as HTMLImageElement).naturalWidth)).toBe(800),
        { timeout: 20_000 },
      );
      await screen.page.screenshot({ path: join(SHOTS, 'desk-screen-ready.png') });

      await panel(desk.page, '现场');
      await desk.page.getByRole('button', { name: '显示预览' }).click();
      const preview = desk.page.frameLocator('iframe');
      await preview.locator('.prize img').waitFor();
      await preview.getByText('平板电脑一台').waitFor();
      await look(desk.page, 'preview');
      await demo.call('host', 'POST /scene', { name: 'pause', text: '马上回来' });
      await preview.getByText('马上回来').waitFor();
      await desk.page.getByRole('button', { name: '收起预览' }).click();
      expect(await desk.page.locator('iframe').count()).toBe(0);
    },
    LONG_MS,
  );

  it(
    'shows who else is at the desk, copies a meeting, and takes its roster',
    async () => {
      const [one, two] = [await fresh(LAPTOP), await fresh(LAPTOP)];
      await logIn(one.page, 'owner');
      await logIn(two.page, 'finance');
      const finance = demo.staff('finance').user;
      await one.page.getByText(`${finance} 也在控制台`).waitFor();
      await two.page.getByText(`${demo.staff('owner').user} 也在控制台`).waitFor();
      await look(one.page, 'presence');
      await two.context.close();
      await one.page.getByText(`${finance} 也在控制台`).waitFor({ state: 'detached' });

      await one.page.getByRole('link', { name: '所有活动' }).click();
      await one.page.getByRole('button', { name: '复制活动' }).click();
      const dialog = one.page.getByRole('dialog');
      await dialog.getByLabel('活动名称').fill('2027 年会');
      await look(one.page, 'copy');
      await dialog.getByRole('button', { name: '新建活动' }).click();
      await one.page.getByRole('heading', { name: '2027 年会' }).waitFor();
      await panel(one.page, '奖项与轮次');
      await one.page.getByRole('listitem').filter({ hasText: '一等奖' }).waitFor();
      await panel(one.page, '名单');
      await one.page.getByLabel('其他活动的名单').selectOption({ label: '2026 年会（示例）' });
      await one.page.getByRole('button', { name: '读取名单' }).click();
      await look(one.page, 'copy-roster');
      await one.page.getByRole('button', { name: /写入名单/ }).click();
      await one.page.getByText('共 300 人').waitFor();
    },
    LONG_MS,
  );

  it(
    'is usable by everybody on every panel, on a laptop and on a phone',
    async () => {
      const { base, meeting } = demo.at;
      await demo.sandbox('/crowd', { base, meeting, count: CROWD, bind: true, tap: false, sockets: false });
      const bound = async (): Promise<unknown> =>
        (await demo.sandbox<Record<string, unknown>>('/crowd')).bound;
      await expect.poll(bound, { timeout: 120_000, interval: 500 }).toBe(CROWD);
      const found: Record<string, string[]> = {};
      for (const [device, size] of [
        ['laptop', LAPTOP],
        ['phone', PHONE],
      ] as const) {
        const { page } = await fresh(size);
        await page.goto(demo.at.pages.control);
        await page.getByLabel('用户名').waitFor();
        found[`${device} login`] = await seriousFindings(page);
        await logIn(page, 'owner');
        for (const name of await page.getByRole('navigation').getByRole('link').allTextContents()) {
          await panel(page, name.trim());
          await page.waitForLoadState('networkidle');
          await look(page, `panel-${device}-${name.trim()}`);
          found[`${device} ${name.trim()}`] = await seriousFindings(page);
        }
        for (const path of ['/', '/staff', '/trail', '/account', '/checks']) {
          await page.goto(`${demo.at.base}/control#${path}`);
          await page.getByRole('heading').first().waitFor();
          await page.waitForLoadState('networkidle');
          await look(page, `page-${device}${path.replace('/', '-')}`);
          found[`${device} ${path}`] = await seriousFindings(page);
        }
      }
      expect(Object.fromEntries(Object.entries(found).filter(([, list]) => list.length > 0))).toEqual({});
      for (const { complaints } of all) expect(complaints.filter((text) => !expected(text))).toEqual([]);
    },
    LONG_MS,
  );
});

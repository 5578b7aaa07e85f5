import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Wire } from '../src/wire';
import { HALL, LAPTOP, launch, open, PHONE, type Watched } from './browser';
import { film } from './film';
import { seriousFindings } from './findings';
import { asksWho, SHOTS, STEP_MS, Visit } from './visit';

const LONG_MS = 300_000;
/** Somebody at the end of the demo's roster. */
const MOBILE = '19900000297';
const CROWD = 25;
const ROLLS = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8];

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
  let visit: Visit;
  let phone: Watched;

  beforeAll(async () => {
    visit = await Visit.start('desk');
  }, LONG_MS);

  afterAll(() => visit?.stop());

  async function panel(page: Page, name: string): Promise<void> {
    await page.getByRole('navigation').getByRole('link', { name, exact: true }).click();
  }

  /** One seat and one person in the pool: the winner is the phone. */
  async function win(): Promise<void> {
    const prize = { name: '纪念奖', kind: 'goods', goods: '纪念保温杯' };
    const { id } = await visit.demo.call<Wire['PrizeView']>('host', 'POST /prizes', prize);
    const rules = { prize_id: id, seats: 1, sources: [{ s: 'dice', sides: 10, count: 12 }] };
    const round = await visit.demo.call<Wire['RoundView']>('host', 'POST /rounds', rules);
    const { draw } = await visit.demo.call<Wire['Committed']>('host', `POST /rounds/${round.id}/commit`);
    const roll = (): Promise<unknown> =>
      visit.demo.call('host', `POST /draws/${draw}/entropy`, { i: 0, value: { rolls: ROLLS } });
    await vi.waitFor(roll, { timeout: STEP_MS, interval: 500 });
    await visit.demo.call('host', `POST /draws/${draw}/result`);
    // Nobody is confirmed before the screens show the winners.
    const confirm = (): Promise<unknown> =>
      visit.demo.call('host', `POST /draws/${draw}/seats`, { status: 'present' });
    await vi.waitFor(confirm, { timeout: STEP_MS, interval: 500 });
  }

  async function pair(): Promise<Watched> {
    const { code } = await visit.demo.call<Wire['Pairing']>('host', 'POST /pairing');
    const screen = await visit.fresh(HALL);
    await screen.page.goto(visit.demo.at.pages.screen);
    await screen.page.getByLabel('配对码').fill(code);
    await screen.page.getByRole('button', { name: '连接' }).click();
    return screen;
  }

  /** The screen as the host sees it, in a frame, while it introduces the first prize. */
  async function preview(page: Page): Promise<void> {
    await panel(page, '现场');
    await page.getByRole('button', { name: '显示预览' }).click();
    const screen = page.frameLocator('iframe');
    await screen.locator('.prize img').waitFor();
    await screen.getByText('平板电脑一台').waitFor();
    await visit.look(page, 'preview');
    await visit.demo.call('host', 'POST /scene', { name: 'pause', text: '马上回来' });
    await screen.getByText('马上回来').waitFor();
    await page.getByRole('button', { name: '收起预览' }).click();
    expect(await page.locator('iframe').count()).toBe(0);
  }

  it(
    'hands out a prize against the code on the winner’s phone, once',
    async () => {
      phone = await visit.phone();
      await visit.comeAsFollower(phone.page, MOBILE);
      await visit.bind(phone.page, MOBILE);
      await win();
      const claim = phone.page.locator('.claim');
      await claim.getByRole('img', { name: '领奖码的二维码' }).waitFor();
      await phone.page.getByText('请凭领奖码').waitFor();
      await visit.look(phone.page, 'phone-claim');
      expect(await seriousFindings(phone.page)).toEqual([]);
      const code = await claim.locator('.qr').screenshot();

      const desk = await visit.fresh(PHONE);
      await visit.openMeeting(desk.page, 'host');
      await panel(desk.page, '领奖');
      await visit.look(desk.page, 'goods-phone');
      await desk.page
        .locator('.photo input')
        .setInputFiles({ name: 'a.png', mimeType: 'image/png', buffer: code });
      const found = desk.page.locator('.claim');
      await found.getByText('纪念保温杯').waitFor();
      await visit.look(desk.page, 'claim-phone');
      expect(await seriousFindings(desk.page)).toEqual([]);
      await found.getByRole('button', { name: '确认已交给本人' }).click();
      await found.getByText('已登记发放').waitFor();
      await visit.look(desk.page, 'handed-phone');
      await phone.page.getByText(/纪念保温杯 已于 .* 领取/).waitFor();
      expect(await claim.count()).toBe(0);
      await desk.page.getByRole('button', { name: '下一位' }).click();
      await desk.page.locator('fieldset').getByRole('button', { name: '已领', exact: true }).click();
      await desk.page
        .getByRole('row')
        .filter({ hasText: visit.demo.staff('host').user })
        .waitFor();
      const saved = desk.page.waitForEvent('download');
      await desk.page.getByRole('button', { name: '导出签收表' }).click();
      expect(statSync(await (await saved).path()).size).toBeGreaterThan(4_000);
      for (const address of [desk.page.url(), phone.page.url()]) expect(address).not.toMatch(/claim|code=/);

      // The same code once more, through a camera.
      const file = join(visit.demo.folder, 'camera.y4m');
      await film(phone.page, code, file);
      const filming = await launch([
        '--use-fake-ui-for-media-stream',
        '--use-fake-device-for-media-stream',
        `--use-file-for-fake-video-capture=${file}`,
      ]);
      const second = await open(filming, PHONE, visit.demo.at.base);
      second.page.setDefaultTimeout(STEP_MS);
      await visit.openMeeting(second.page, 'reviewer');
      await panel(second.page, '领奖');
      await second.page.getByRole('button', { name: '打开摄像头扫码' }).click();
      await second.page.getByText('已经发放过，不要重复发放').waitFor();
      await second.page
        .locator('.claim')
        .getByText(`由 ${visit.demo.staff('host').user} 发放`)
        .waitFor();
      expect(await second.page.getByRole('button', { name: '确认已交给本人' }).count()).toBe(0);
      await visit.look(second.page, 'already-phone');
      expect(second.complaints.filter((text) => !asksWho(text))).toEqual([]);
      await filming.close();
    },
    LONG_MS,
  );

  it(
    'puts pictures on prizes and behind the screen, and shows what the screen shows',
    async () => {
      const [desk, screen] = [await visit.fresh(LAPTOP), await pair()];
      await visit.demo.call('host', 'POST /scene', { name: 'pause', text: '茶歇' });
      await screen.page.getByText('茶歇').waitFor();
      const corner = async (): Promise<string> =>
        (await screen.page.screenshot({ clip: { x: 30, y: 500, width: 40, height: 40 } })).toString('base64');
      await vi.waitFor(async () => expect(await corner()).toBe(await corner()), { timeout: 20_000 });
      const before = await corner();

      await visit.openMeeting(desk.page, 'host');
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
      await visit.look(desk.page, 'stage');

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
      await visit.look(desk.page, 'prize-picture');
      await dialog.getByRole('button', { name: '保存' }).click();
      await dialog.waitFor({ state: 'hidden' });
      const rounds = await visit.demo.call<Wire['RoundView'][]>('host', 'GET /rounds');
      const first = rounds.find(({ name }) => name === '一等奖');
      await visit.demo.call('host', 'POST /scene', { name: 'ready', round_id: first?.id });
      const shown = screen.page.locator('.prize img');
      await shown.waitFor();
      await vi.waitFor(
        async () => expect(await shown.evaluate((one) => (one as HTMLImageElement).naturalWidth)).toBe(800),
        { timeout: 20_000 },
      );
      await screen.page.screenshot({ path: join(SHOTS, 'desk-screen-ready.png') });

      await preview(desk.page);
    },
    LONG_MS,
  );

  it(
    'shows who else is at the desk, copies a meeting, and takes its roster',
    async () => {
      const one = await visit.logIn('owner');
      const two = await visit.logIn('finance');
      const finance = visit.demo.staff('finance').user;
      await one.page.getByText(`${finance} 也在控制台`).waitFor();
      await two.page.getByText(`${visit.demo.staff('owner').user} 也在控制台`).waitFor();
      await visit.look(one.page, 'presence');
      await two.context.close();
      await one.page.getByText(`${finance} 也在控制台`).waitFor({ state: 'detached' });

      await one.page.getByRole('link', { name: '所有活动' }).click();
      await one.page.getByRole('button', { name: '复制活动' }).click();
      const dialog = one.page.getByRole('dialog');
      await dialog.getByLabel('活动名称').fill('2027 年会');
      await visit.look(one.page, 'copy');
      await dialog.getByRole('button', { name: '新建活动' }).click();
      await one.page.getByRole('heading', { name: '2027 年会' }).waitFor();
      await panel(one.page, '奖项与轮次');
      await one.page.getByRole('listitem').filter({ hasText: '一等奖' }).waitFor();
      await panel(one.page, '名单');
      await one.page.getByLabel('其他活动的名单').selectOption({ label: '2026 年会（示例）' });
      await one.page.getByRole('button', { name: '读取名单' }).click();
      await visit.look(one.page, 'copy-roster');
      await one.page.getByRole('button', { name: /写入名单/ }).click();
      await one.page.getByText('共 300 人').waitFor();
    },
    LONG_MS,
  );

  it(
    'is usable by everybody on every panel, on a laptop and on a phone',
    async () => {
      const { base, meeting } = visit.demo.at;
      await visit.demo.sandbox('/crowd', {
        base,
        meeting,
        count: CROWD,
        bind: true,
        tap: false,
        sockets: false,
      });
      const bound = async (): Promise<unknown> =>
        (await visit.demo.sandbox<Record<string, unknown>>('/crowd')).bound;
      await expect.poll(bound, { timeout: 120_000, interval: 500 }).toBe(CROWD);
      const found: Record<string, string[]> = {};
      for (const [device, size] of [
        ['laptop', LAPTOP],
        ['phone', PHONE],
      ] as const) {
        const { page } = await visit.fresh(size);
        await page.goto(visit.demo.at.pages.control);
        await page.getByLabel('用户名').waitFor();
        found[`${device} login`] = await seriousFindings(page);
        await visit.openMeeting(page, 'owner');
        for (const name of await page.getByRole('navigation').getByRole('link').allTextContents()) {
          await panel(page, name.trim());
          await page.waitForLoadState('networkidle');
          await visit.look(page, `panel-${device}-${name.trim()}`);
          found[`${device} ${name.trim()}`] = await seriousFindings(page);
        }
        for (const path of ['/', '/staff', '/trail', '/account', '/checks']) {
          await page.goto(`${visit.demo.at.base}/control#${path}`);
          await page.getByRole('heading').first().waitFor();
          await page.waitForLoadState('networkidle');
          await visit.look(page, `page-${device}${path.replace('/', '-')}`);
          found[`${device} ${path}`] = await seriousFindings(page);
        }
      }
      expect(Object.fromEntries(Object.entries(found).filter(([, list]) => list.length > 0))).toEqual({});
      expect(visit.complaints(asksWho)).toEqual([]);
    },
    LONG_MS,
  );
});

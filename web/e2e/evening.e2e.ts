import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import type { Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, vi } from 'vitest';
import { HALL, LAPTOP, type Watched } from './browser';
import { BIN } from './demo';
import { asksWho, press as pressOn, SHOTS, STEP_MS, stages, Visit } from './visit';

const EVENING_MS = 480_000;
/** Two people at the end of the demo's roster; the sandbox's crowd takes those at its beginning. */
const PEOPLE = ['19900000299', '19900000300'] as const;
const CROWD = 30;

const bare = (text: string): string => text.replace(/\s+/g, '');
const texts = async (found: Locator): Promise<string[]> => (await found.allTextContents()).map(bare);

/** Nothing else is refused on the way in, and nothing at all afterwards. */
function cameIn({ complaints }: Watched): void {
  expect(complaints.filter((text) => !asksWho(text))).toEqual([]);
  complaints.length = 0;
}

describe('the whole evening', () => {
  let visit: Visit;
  let control: Watched;
  let screen: Watched;
  const phones: Watched[] = [];

  const stage = stages(EVENING_MS);

  beforeAll(async () => {
    visit = await Visit.start('evening');
  }, EVENING_MS);

  afterAll(() => visit?.stop());

  /** One picture of every page. */
  async function look(stage: string): Promise<void> {
    const pages: [string, Page][] = [['control', control.page]];
    if (screen) pages.push(['screen', screen.page]);
    for (const [i, { page }] of phones.entries()) pages.push([`phone${i + 1}`, page]);
    for (const [name, page] of pages) await visit.look(page, `${stage}-${name}`, name !== 'screen');
  }

  const big = (words: RegExp): Locator => control.page.locator('button.big').filter({ hasText: words });

  const press = (words: RegExp): Promise<void> => pressOn(control.page, words);

  async function logIn(): Promise<void> {
    control = await visit.fresh(LAPTOP);
    const { page } = control;
    await visit.typeLogIn(page, visit.demo.staff('owner'));
    await look('01-login');
    await page.getByRole('button', { name: '登录', exact: true }).click();
    await page.getByRole('link', { name: '2026 年会（示例）' }).click();
    await page.getByRole('heading', { name: '接入大屏和手机' }).waitFor();
    cameIn(control);
  }

  async function pairScreen(): Promise<void> {
    await control.page.getByRole('button', { name: '大屏配对码' }).click();
    const digits = control.page.locator('.digits');
    await digits.waitFor();
    screen = await visit.fresh(HALL);
    await screen.page.goto(visit.demo.at.pages.screen);
    await screen.page.getByPlaceholder('0000 0000').fill((await digits.textContent()) ?? '');
    await look('02-pairing');
    await screen.page.getByRole('button', { name: '连接' }).click();
    await screen.page.getByText('等待第一位签到').waitFor();
    await control.page.getByRole('dialog').getByRole('button', { name: '关闭' }).last().click();
    await control.page.getByRole('dialog').waitFor({ state: 'hidden' });
    await look('03-lobby-empty');
  }

  /** Through the page that stands in for WeChat's: the first picks a known person, the second makes a new one. */
  async function enter(i: number): Promise<void> {
    const phone = await visit.phone();
    phones.push(phone);
    const { page } = phone;
    const mobile = PEOPLE[i] ?? '';
    if (i === 0) await visit.follow(page, mobile, { meanwhile: () => look('04-follow') });
    else await visit.comeAsNewcomer(page, '新来的人');
    await visit.typeCode(page, mobile);
    await look(`05-code-${i + 1}`);
    await page.getByRole('button', { name: '确认签到' }).click();
    await page.getByText('您已入池').waitFor();
    cameIn(phone);
    await screen.page.getByText(`No.${i + 1} `).waitFor();
  }

  async function makeRound(): Promise<void> {
    const { page } = control;
    await page.getByRole('link', { name: '奖项与轮次' }).click();
    await page.getByRole('button', { name: '新建奖项' }).click();
    await page.getByLabel('奖项名称').fill('开场红包');
    await page.getByRole('button', { name: '保存' }).click();
    await page.getByRole('dialog').waitFor({ state: 'hidden' });
    await page.getByRole('button', { name: '新建轮次' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('combobox', { name: '奖项' }).selectOption({ label: '开场红包' });
    await dialog.getByLabel('轮次名称').fill('开场第一抽');
    await dialog.getByLabel('名额').fill('1');
    await dialog.getByLabel('每人金额（元）').fill('88.88');
    await look('06-round-form');
    await dialog.getByRole('button', { name: '保存' }).click();
    await dialog.waitFor({ state: 'hidden' });
    await page.getByRole('cell', { name: '开场第一抽', exact: true }).waitFor();
    await look('07-prizes');
    await page.getByRole('link', { name: '现场' }).click();
  }

  /** Out of its order from the list, or with the big button when it is the next one anyway. */
  async function introduce(round: string, next: boolean): Promise<void> {
    const row = control.page.locator('li').filter({ hasText: round });
    if (next) await press(new RegExp(`在大屏介绍“${round}”`));
    else await row.getByRole('button', { name: '抽这一轮' }).click();
    await screen.page.getByText('即将开奖').waitFor();
    await screen.page.getByRole('heading', { name: round.slice(0, 2) }).waitFor();
  }

  const code = async (page: Page, place: string): Promise<string> =>
    bare((await page.locator(place).first().textContent()) ?? '').replace(/-/g, '');

  async function commit(): Promise<void> {
    await press(/公布规则并封存名单/);
    await screen.page.getByText('请拍下此码').waitFor();
    for (const { page } of phones) await page.getByRole('button', { name: '点一下' }).waitFor();
  }

  async function tap(): Promise<void> {
    for (const { page } of phones) {
      await page.getByRole('button', { name: '点一下' }).click();
      await page.getByText('已加入您的随机数').waitFor();
    }
  }

  async function roll(digits: string): Promise<void> {
    const { page } = control;
    await press(/截止点击/);
    // Whoever rolls types at once: the first box is ready without a click.
    const ready = (): Promise<string | null> =>
      page.evaluate(() => document.activeElement?.getAttribute('aria-label') ?? null);
    await expect.poll(ready, { timeout: STEP_MS }).toBe('第 1 个');
    await page.keyboard.type(digits);
    await page.getByText('已填 12 / 12').waitFor();
    await press(/提交这 12 个数/);
    const shown = (): Promise<string[]> => texts(screen.page.locator('.items span'));
    await expect.poll(shown, { timeout: STEP_MS }).toEqual(digits.split(''));
  }

  const names = {
    control: () => texts(control.page.locator('.seat .who strong')),
    screen: () => texts(screen.page.locator('.winners .card .name')),
    phone: (page: Page) => texts(page.locator('section.draw .winners .name')),
  };

  /** All pages show the same winners in the same order; every phone says of itself what they show. */
  async function agree(seats: number): Promise<string[]> {
    await expect.poll(names.control, { timeout: STEP_MS }).toHaveLength(seats);
    const winners = await names.control();
    await expect.poll(names.screen, { timeout: STEP_MS }).toEqual(winners);
    // The host's own computer has recomputed the draw, without being asked.
    await control.page.locator('.check.good').getByText('本机已重算并核对').waitFor();
    for (const { page } of phones) {
      await expect.poll(() => names.phone(page), { timeout: STEP_MS }).toEqual(winners);
      const won = (await page.locator('section.draw .winners li.me').count()) > 0;
      await page
        .locator('section.draw .result .big')
        .getByText(won ? '恭喜中奖' : /本轮未中奖|您不在本轮抽奖中/)
        .waitFor();
      await page.locator('section.draw .proof.good').getByText('已在本机验证').waitFor();
    }
    return winners;
  }

  async function paid(seats: number): Promise<void> {
    const tags = control.page.locator('.seat .tag').filter({ hasText: '已领取' });
    await expect.poll(() => tags.count(), { timeout: 60_000 }).toBe(seats);
    const marks = screen.page.locator('.winners .card .mark.received');
    await expect.poll(() => marks.count(), { timeout: STEP_MS }).toBe(seats);
    for (const { page } of phones) {
      if ((await page.locator('section.draw .winners li.me').count()) === 0) continue;
      await page.locator('.wins .packet.received').first().waitFor();
    }
  }

  async function reload(gone: Watched, place: string): Promise<void> {
    const before = await gone.page.locator(place).first().textContent();
    await gone.page.reload();
    await gone.page.locator(place).first().waitFor();
    expect(await gone.page.locator(place).first().textContent()).toBe(before);
  }

  async function firstRound(): Promise<void> {
    await introduce('开场第一抽', false);
    await look('08-ready');
    await commit();
    await look('09-committed');
    expect(await code(screen.page, '.log-code.big strong')).toBe(
      await code(phones[0]?.page as Page, 'section.draw .code strong'),
    );
    await tap();
    await screen.page.locator('.live strong').getByText('2', { exact: true }).waitFor();
    await reload(screen, '.log-code.big');
    for (const phone of phones) {
      await reload(phone, 'section.draw .code strong');
      await phone.page.getByText('已加入您的随机数').waitFor();
    }
    await big(/截止点击/).waitFor();
    await look('10-tapped');
    await roll('402817365920');
    await big(/揭晓结果/).waitFor();
    await look('11-closed');
    await press(/揭晓结果/);
    await screen.page.locator('section.winners').getByText('恭喜中奖').waitFor();
    const winners = await agree(1);
    await look('12-revealed');
    await press(/全部到场（1 人）/);
    await paid(1);
    await reload(screen, '.winners .name');
    for (const phone of phones) await reload(phone, 'section.draw .result .big');
    expect(await agree(1)).toEqual(winners);
    await look('13-received');
  }

  stage('one wins of two, everybody sees the same, and the packet is received', async () => {
    await logIn();
    await pairScreen();
    await enter(0);
    await enter(1);
    await makeRound();
    await firstRound();
  });

  stage('the crowd comes, twenty win, one of them is absent and replaced', async () => {
    await visit.crowd(CROWD);
    await control.page.locator('button').filter({ hasText: '签到墙' }).click();
    await screen.page
      .locator('.counts .big')
      .getByText(String(CROWD + 2), { exact: true })
      .waitFor();
    await look('14-lobby-full');
    await introduce('三等奖', true);
    await commit();
    await tap();
    const taps = new RegExp(`${CROWD + 2}`);
    await screen.page.locator('.live strong').filter({ hasText: taps }).waitFor();
    await look('15-taps');
    await roll('000123456789');
    // A clicker's key does what the button says.
    await big(/揭晓结果/).waitFor();
    await vi.waitFor(
      async () => {
        await control.page.keyboard.press('PageDown');
        await big(/大屏正在揭晓/).waitFor({ timeout: 2_000 });
      },
      { timeout: STEP_MS },
    );
    await screen.page.locator('section.drawing').waitFor();
    await look('16-drawing');
    const first = await agree(20);
    await look('17-revealed');

    // Somebody of the crowd: on our two phones packets are waited for.
    const mine = await Promise.all(phones.map(({ page }) => texts(page.locator('.winners li.me .name'))));
    const absent = first.findIndex((name) => !mine.flat().includes(name));
    await control.page.locator('.seat').nth(absent).getByRole('button', { name: '缺席' }).click();
    await press(/全部到场（19 人）/);
    await paid(19);
    await look('18-absent');
    await press(/补抽 1 个空缺名额/);
    await screen.page.getByText('请拍下此码').waitFor();
    await tap();
    await roll('998877665544');
    await press(/揭晓结果/);
    const again = await agree(1);
    expect(first).not.toContain(again[0]);
    await look('19-redraw');
    await press(/全部到场（1 人）/);
    await paid(1);
    await control.page.locator('button').filter({ hasText: '全部中奖者' }).click();
    await screen.page.getByText('中奖名单').waitFor();
    await look('20-summary');
  });

  stage('the proof that control exports is proved by page and program', async () => {
    const { page } = control;
    await page.getByRole('link', { name: '资金' }).click();
    await page.getByText('21 个红包').waitFor();
    await look('21-money');
    await page.getByRole('link', { name: '导出与凭据' }).click();
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: '下载全部凭据（JSON）' }).click(),
    ]);
    const proof = join(visit.demo.folder, 'proof.json');
    await download.saveAs(proof);
    execFileSync(BIN, ['verify', proof]);
    await look('22-proof');
    const verify = await visit.fresh(LAPTOP);
    await verify.page.goto(visit.demo.at.pages.verify);
    await verify.page.locator('#proof-file').setInputFiles(proof);
    await verify.page.locator('.verdict.good').getByText('验证通过').waitFor();
    await verify.page.getByText('3 次抽奖、22 位中奖者').waitFor();
    await verify.page.screenshot({ path: join(SHOTS, 'evening-23-verify.png'), fullPage: true });
    expect(await code(verify.page, '.verdict .code strong')).toBe(await code(page, '.stack .code .mono'));
    expect(verify.complaints).toEqual([]);
  });

  stage('nothing was refused, broken or fetched from elsewhere', async () => {
    for (const watched of [control, screen, ...phones]) expect(watched.complaints).toEqual([]);
  });
});

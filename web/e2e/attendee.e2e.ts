import { mkdirSync, readFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Wire } from '../src/wire';
import { launch, open, PHONE } from './browser';
import * as make from './fixtures';
import { serveBuild } from './static';
import { lookClosely, SHOTS } from './visit';

const M = `/api/meetings/${make.MEETING}`;

const evening = make.gala();
const place: Wire['MyPlace'] = {
  index: evening.me.index,
  pid: evening.me.pid,
  salt: evening.me.salt,
  identity: evening.me.identity,
  receipt: evening.me.receipt,
};
const bound: Wire['Me'] = { step: 'in', name: '徐静', phone: '138****0007', place, wins: [], tapped: null };
const pinned = make.meeting(evening.pin);

/** My path in a draw of the example evening, as the server sends it. */
function proof(number: number): Wire['MyProof'] {
  const mine = evening.me.proofs[number];
  if (mine === undefined) throw new Error(`no path in draw ${number}`);
  return { draw: number, index: place.index, w: mine.w, start: 0, path: mine.path };
}

describe('/m', () => {
  let browser: Browser;
  let server: Server;
  let home: string;

  beforeAll(async () => {
    mkdirSync(SHOTS, { recursive: true });
    ({ home, server } = await serveBuild());
    browser = await launch();
  });

  afterAll(async () => {
    await browser.close();
    server.close();
  });

  type Api = Parameters<typeof make.mock>[2];

  async function phone(api: Api, over: Partial<Wire['Snapshot']> = {}, me = bound) {
    const watched = await open(browser, PHONE, home);
    // Nobody in a test waits for the random moment.
    await watched.page.addInitScript(() => {
      Math.random = () => 0;
    });
    const first = make.snapshot({ meeting: pinned, log: evening.seen[0] as Wire['Checkpoint'], ...over });
    const all = { [`GET ${M}/public`]: { body: pinned }, [`GET ${M}/me`]: { body: me }, ...api };
    const far = await make.mock(watched.page, first, all, me);
    await watched.page.goto(`${home}/m/${make.MEETING}`);
    return { ...watched, far };
  }

  const look = (page: Page, name: string): Promise<void> => lookClosely(page, `me-${name}`);

  const refused = make.problem(401, 'login', '请先登录');

  it('says where a slow phone is before style sheets and scripts have come', async () => {
    const { context, page, complaints } = await open(browser, PHONE, home);
    // They never come.
    await page.route('**/assets/**', () => undefined);
    await page.goto(`${home}/m/${make.MEETING}`, { waitUntil: 'commit' });
    await page.waitForFunction(() => performance.getEntriesByName('first-contentful-paint').length > 0);
    expect(await page.locator('#app text').last().isVisible()).toBe(true);
    await page.screenshot({ path: join(SHOTS, 'me-first.png') });
    expect(complaints).toEqual([]);
    await context.close();
  });

  it('goes to the log-in once by itself, then only on the button', async () => {
    const { context, page } = await open(browser, PHONE, home);
    let trips = 0;
    await page.route('**/m/*/login', async (route) => {
      trips += 1;
      await route.fulfill({ status: 302, headers: { location: `/m/${make.MEETING}` } });
    });
    await make.mock(page, make.snapshot(), {
      [`GET ${M}/me`]: refused,
      [`GET ${M}/public`]: { body: pinned },
    });
    await page.goto(`${home}/m/${make.MEETING}`);
    await page.getByRole('button', { name: '微信登录' }).waitFor();
    expect(trips).toBe(1);
    await look(page, 'login');
    await context.close();
  });

  it('says what to do while the account is not followed, and goes on by itself', async () => {
    let me: Wire['Me'] = { ...bound, step: 'follow', place: null, name: '', phone: '' };
    const follow = {
      scene: `m_${make.MEETING}`,
      url: 'http://weixin.qq.com/q/02abcdEFGH1JKLMNopqrst',
      expires_at: 1,
    };
    const { context, page, complaints } = await phone({
      [`GET ${M}/me`]: () => ({ body: me }),
      [`GET ${M}/me/follow`]: { body: follow },
    });
    await page.getByText('先关注公众号').waitFor();
    // A picture, for only that can be pressed long.
    await page.getByRole('img', { name: '公众号的二维码' }).waitFor();
    await page.getByText('长按识别二维码').waitFor();
    expect(await page.getByText('回到微信').count()).toBe(0);
    await page.getByRole('button', { name: '我已关注' }).click();
    await page.getByText('还没有查到').waitFor();
    await look(page, 'follow');
    me = { ...me, step: 'bind' };
    await page.getByText('验证手机号').waitFor();
    expect(complaints).toEqual([]);
    await context.close();
  });

  it('says in words how to follow while the account gives no code', async () => {
    const me: Wire['Me'] = { ...bound, step: 'follow', place: null, name: '', phone: '' };
    const { context, page } = await phone({
      [`GET ${M}/me`]: { body: me },
      [`GET ${M}/me/follow`]: make.problem(503, 'unavailable', '暂时无法连接微信，请稍后重试。'),
    });
    await page.getByText('回到微信，关注主办方的公众号').waitFor();
    expect(await page.getByRole('img').count()).toBe(0);
    await look(page, 'follow-words');
    await context.close();
  });

  it('binds by phone and code with a salt of its own', async () => {
    const fresh: Wire['Me'] = { ...bound, step: 'bind', place: null, name: '', phone: '' };
    let salt = '';
    const { context, page, complaints } = await phone(
      {
        [`GET ${M}/me`]: { body: fresh },
        [`POST ${M}/me/code`]: {
          status: 202,
          body: { again_at: Date.now() + 60_000, expires_at: Date.now() + 300_000 },
        },
        [`POST ${M}/me/bind`]: (body) => {
          const sent = body as { code: string; salt: string };
          if (sent.code !== '246810') return make.problem(400, 'code_wrong', '验证码不对，还可以再试 4 次。');
          salt = sent.salt;
          return { body: { name: '徐静', place, log: evening.seen[0] } };
        },
      },
      {},
      bound,
    );
    await page.getByText('验证手机号').waitFor();
    await page.getByLabel('手机号', { exact: true }).fill('138 0013 8000');
    await page.getByRole('button', { name: '获取验证码' }).click();
    await page.getByText('请先勾选同意').waitFor();
    await look(page, 'phone');
    await page.getByRole('checkbox').check();
    await page.getByRole('button', { name: '获取验证码' }).click();
    await page.getByText('秒后可重新发送').waitFor();
    await page.getByLabel('短信验证码').fill('111111');
    await page.getByRole('button', { name: '确认签到' }).click();
    await page.getByText('还可以再试 4 次').waitFor();
    await look(page, 'code');
    const kept = await page.evaluate(() => JSON.parse(localStorage.getItem('kaijiang.me.gala') ?? '{}'));
    // WeChat loads its pages anew while somebody reads the SMS.
    await page.reload();
    await page.getByText('秒后可重新发送').waitFor();
    await look(page, 'code-again');
    await page.getByLabel('短信验证码').fill('246810');
    await page.getByRole('button', { name: '确认签到' }).click();
    await page.getByText('您已入池').waitFor();
    expect(salt).toMatch(/^[0-9a-f]{64}$/);
    expect(salt).toBe(kept.salt);
    await look(page, 'in');
    expect(complaints.filter((text) => !text.includes('status of 400'))).toEqual([]);
    await context.close();
  });

  it('proves the own ticket, taps once, wins, and verifies the result', async () => {
    let r = '';
    const { context, page, far, complaints } = await phone({
      [`GET ${M}/me/proof/1`]: { body: proof(1) },
      [`POST ${M}/me/tap`]: (body) => {
        ({ r } = body as { r: string });
        return { body: { draw: 1, m: 13 } };
      },
      [`GET ${M}/draws/1/proof`]: { body: evening.bundle },
    });
    await page.getByText('您已入池').waitFor();
    const committed = make.galaDraw(evening.lines, 1, {
      state: 'committed',
      values: [],
      winners: [],
      taps: 12,
    });
    const tell = (draw: unknown, log: unknown): void => far.send('draw', { draw, log, code: 'X' });
    tell(committed, evening.seen[0]);
    await page.getByText('您在本轮中，票号 8 / 25').waitFor();
    await look(page, 'tap');
    // Pressed without a network: sent as soon as there is one.
    await page.route('**/me/tap', (route) => route.abort(), { times: 1 });
    await page.getByRole('button', { name: '点一下' }).click();
    await page.getByText('网络不通').waitFor();
    await page.evaluate(() => dispatchEvent(new Event('online')));
    await expect.poll(() => r, { timeout: 10_000 }).toMatch(/^[0-9a-f]{64}$/);
    // The socket began anew as well, with a snapshot that knows no draw.
    const added = async (): Promise<number> => {
      far.pass('me', { ...bound, tapped: 1 });
      tell(committed, evening.seen[0]);
      return page.getByText('已加入您的随机数').count();
    };
    await expect.poll(added, { timeout: 10_000 }).toBe(1);
    expect(await page.getByText('网络不通').count()).toBe(0);
    await look(page, 'tapped');
    tell(make.galaDraw(evening.lines, 1), evening.seen[1]);
    await page.getByText('恭喜中奖').waitFor();
    await page.getByText('已在本机验证').click();
    await page.getByText('9NTE-JYRN-2PBK-CA09-3RFB-BRP0').waitFor();
    const win = {
      draw: 1,
      rank: 3,
      prize: '一等奖',
      goods: '定制保温杯',
      amount_fen: 8800,
      status: 'present',
    } as const;
    const open_by = make.NOW + 86_400_000;
    const wins = [
      { ...win, claim_code: '4827 1093', cash: 'paid', packet: 'sent', open_by, story: '红包已发出。' },
    ];
    far.pass('me', { ...bound, wins });
    await page.getByText('请在 2026-11-27 20:00 前领取').waitFor();
    await look(page, 'won');
    expect(await page.locator('.wins article').count()).toBe(1);
    expect(complaints.filter((text) => !text.includes('net::ERR_FAILED'))).toEqual([]);
    await context.close();
  });

  it('says so when it was not me, and why I could not be', async () => {
    const draws = [make.galaDraw(evening.lines, 1), make.galaDraw(evening.lines, 5, { prize: '二等奖' })];
    const { context, page, complaints } = await phone(
      { [`GET ${M}/me/proof/5`]: { body: proof(5) }, [`GET ${M}/draws/5/proof`]: { body: evening.bundle } },
      { draws },
    );
    await page.getByText('您不在本轮抽奖中').waitFor();
    await page.getByText('已在本机验证').waitFor();
    await page.getByText('您此前已中奖').waitFor();
    expect(await page.getByText('本轮未中奖').count()).toBe(0);
    await look(page, 'lost');
    expect(complaints).toEqual([]);
    await context.close();
  });

  it('turns red with the exact code when the proof does not hold', async () => {
    const { context, page } = await phone(
      {
        [`GET ${M}/me/proof/1`]: { body: proof(1) },
        [`GET ${M}/draws/1/proof`]: { body: make.gala('bundle-cheated-winner').bundle },
      },
      { draws: [make.galaDraw(evening.lines, 1)] },
    );
    await page.getByText(/验证不通过 E_/).waitFor();
    await look(page, 'red');
    await context.close();
  });

  it('shows a void draw, a rehearsal and a lost connection', async () => {
    const draws = [make.draw({ state: 'void', void_reason: '奖项选错，重新抽取' })];
    const { context, page, far } = await phone(
      { [`GET ${M}/public`]: { body: make.meeting({ ...evening.pin, rehearsal: true }) } },
      { draws },
    );
    await page.getByText('本次抽奖作废').waitFor();
    await far.drop();
    await page.getByText('网络已断开').waitFor();
    await page.getByRole('button', { name: 'English' }).click();
    await page.getByText('This draw is void').waitFor();
    await look(page, 'void-offline-en');
    await context.close();
  });

  it('loads less than 100 kB before it is there', async () => {
    const { context, page } = await open(browser, PHONE, home);
    const files: string[] = [];
    page.on('response', (response) => files.push(new URL(response.url()).pathname));
    await make.mock(page, make.snapshot(), {
      [`GET ${M}/me`]: { body: bound },
      [`GET ${M}/public`]: { body: pinned },
    });
    await page.goto(`${home}/m/${make.MEETING}`);
    await page.getByText('您已入池').waitFor();
    const { gzipSync } = await import('node:zlib');
    const assets = files.filter((file) => file.startsWith('/assets/'));
    const sizes = assets.map(
      (file) => gzipSync(readFileSync(join(import.meta.dirname, '../dist', file))).length,
    );
    expect(assets.length).toBeGreaterThan(1);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(100_000);
    await context.close();
  });
});

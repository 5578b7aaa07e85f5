import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LAPTOP, launch, open, PHONE, type Watched } from './browser';
import { Demo } from './demo';

const SHOTS = join(import.meta.dirname, '../../test-results');
const STEP_MS = 60_000;
const WAY_MS = 240_000;
const OLD = '19900000290';
const NEW = '19900000299';

/** Before the log-in a page asks once who it is; nothing else may be refused. */
const expected = (text: string): boolean => /\b401\b/.test(text) && /\/(api\/session|me)$/.test(text);

describe('a friend by my link', () => {
  let browser: Browser;
  let demo: Demo;
  const all: Watched[] = [];

  beforeAll(async () => {
    mkdirSync(SHOTS, { recursive: true });
    [demo, browser] = await Promise.all([Demo.start(), launch()]);
  }, WAY_MS);

  afterAll(async () => {
    await browser?.close();
    await demo?.stop();
  });

  async function fresh(size: typeof PHONE, ...also: string[]): Promise<Page> {
    const watched = await open(browser, size, demo.at.base, ...also);
    watched.page.setDefaultTimeout(STEP_MS);
    all.push(watched);
    return watched.page;
  }

  async function look(page: Page, name: string): Promise<void> {
    await page.screenshot({ path: join(SHOTS, `referral-${name}.png`), fullPage: true });
    expect(await page.evaluate(() => document.documentElement.scrollWidth > innerWidth), name).toBe(false);
  }

  /** From an address to the pool, as a person whom the account does not know yet. */
  async function enter(address: string, mobile: string): Promise<Page> {
    const page = await fresh(PHONE, demo.sandboxOrigin);
    await page.goto(address);
    await page.waitForURL(/\/connect\/oauth2\/authorize/);
    const mine = page.getByRole('button', { name: mobile });
    const openid = (await mine.getAttribute('value')) ?? '';
    await mine.click();
    await page.getByText('先关注公众号').waitFor();
    await demo.sandbox('/callbacks', { openid, event: 'subscribe' });
    await page.getByLabel('手机号', { exact: true }).fill(mobile);
    await page.getByRole('checkbox').check();
    await page.getByRole('button', { name: '获取验证码' }).click();
    await page.getByLabel('短信验证码').fill(await demo.code(mobile));
    await page.getByRole('button', { name: '确认签到' }).click();
    await page.getByText('您已入池').waitFor();
    return page;
  }

  it(
    'counts for me and pays me',
    async () => {
      const budget = await demo.call<{ id: string }>('finance', 'POST /budgets', {
        name: '推荐奖金',
        cap_fen: 100_000,
        purpose: 'campaign',
      });
      await demo.call('finance', `POST /budgets/${budget.id}/approve`);
      const rules = {
        open: true,
        fen: 300,
        every: 1,
        daily: 5,
        total: 20,
        delay_ms: 0,
        budget_id: budget.id,
      };
      await demo.call('host', 'PUT /referral-rules', { version: 1, rules });
      const mine = await enter(demo.at.pages.attendee, OLD);
      await mine.getByRole('button', { name: '推荐', exact: true }).click();
      await mine.getByText('每推荐 1 位新朋友，奖励 ¥3.00').waitFor();
      await mine.getByRole('button', { name: '生成我的推荐码' }).click();
      await mine.getByRole('img', { name: '让朋友用微信扫码' }).waitFor();
      await look(mine, 'code');
      await mine.getByRole('button', { name: '生成海报' }).click();
      const poster = mine.getByRole('img', { name: /邀请海报/ });
      await poster.waitFor();
      expect(await poster.evaluate((image) => (image as HTMLImageElement).naturalWidth)).toBe(750);
      await poster.screenshot({ path: join(SHOTS, 'referral-poster.png') });
      await look(mine, 'poster-page');
      const link = (await mine.locator('.link-text').textContent()) ?? '';
      expect(link).toContain('?ref=');
      await enter(link, NEW);
      const control = await fresh(LAPTOP);
      const { user, password } = demo.staff('host');
      await control.goto(demo.at.pages.control);
      await control.getByLabel('用户名').fill(user);
      await control.getByLabel('密码').fill(password);
      await control.getByRole('button', { name: '登录', exact: true }).click();
      await control.getByRole('link', { name: '2026 年会（示例）' }).click();
      await control.getByRole('link', { name: '推荐' }).click();
      await control.getByRole('cell', { name: '已奖励' }).waitFor();
      await look(control, 'control');
      await mine.getByRole('button', { name: '抽奖', exact: true }).click();
      await mine.getByRole('button', { name: '推荐', exact: true }).click();
      await mine.getByText('已奖励 ¥3.00').waitFor();
      await look(mine, 'paid');
      for (const { complaints } of all) expect(complaints.filter((one) => !expected(one))).toEqual([]);
    },
    WAY_MS,
  );
});

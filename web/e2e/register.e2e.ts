import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LAPTOP, launch, open, PHONE, type Watched } from './browser';
import { Demo } from './demo';
import { seriousFindings } from './findings';

const SHOTS = join(import.meta.dirname, '../../test-results');
const STEP_MS = 60_000;
const WAY_MS = 240_000;
/** Whose WeChat it is, and the number that they type: none of the roster. */
const REFUSED = { wechat: '19900000291', mobile: '13912345671', name: '古丽娜尔·买买提' };
const ACCEPTED = { wechat: '19900000292', mobile: '13912345672', name: '司马相如' };

/** Before the log-in a page asks once who it is; a number that is not on the roster needs a name. Nothing else is refused. */
const expected = (text: string): boolean =>
  (/\b401\b/.test(text) && /\/(api\/session|me)$/.test(text)) ||
  (/\b422\b/.test(text) && /\/me\/bind$/.test(text));

describe('a meeting that takes registrations', () => {
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
    await page.screenshot({ path: join(SHOTS, `register-${name}.png`), fullPage: true });
    expect(await page.evaluate(() => document.documentElement.scrollWidth > innerWidth), name).toBe(false);
    expect(await seriousFindings(page), name).toEqual([]);
  }

  async function logIn(role: string): Promise<Page> {
    const page = await fresh(LAPTOP);
    const { user, password } = demo.staff(role);
    await page.goto(demo.at.pages.control);
    await page.getByLabel('用户名').fill(user);
    await page.getByLabel('密码').fill(password);
    await page.getByRole('button', { name: '登录', exact: true }).click();
    await page.getByRole('link', { name: '2026 年会（示例）' }).click();
    return page;
  }

  /** A follower who proves a number that nobody has invited. */
  async function register({ wechat, mobile, name }: typeof REFUSED): Promise<Page> {
    const page = await fresh(PHONE, demo.sandboxOrigin);
    await page.goto(demo.at.pages.attendee);
    await page.waitForURL(/\/connect\/oauth2\/authorize/);
    const mine = page.getByRole('button', { name: wechat });
    const openid = (await mine.getAttribute('value')) ?? '';
    await mine.click();
    await page.getByText('先关注公众号').waitFor();
    await demo.sandbox('/callbacks', { openid, event: 'subscribe' });
    await page.getByText('不在名单里的可以登记').waitFor();
    await page.getByLabel('手机号', { exact: true }).fill(mobile);
    await page.getByRole('checkbox').check();
    await page.getByRole('button', { name: '获取验证码' }).click();
    await page.getByLabel('短信验证码').fill(await demo.code(mobile));
    await page.getByRole('button', { name: '确认签到' }).click();
    await page.getByText('名单里没有这个号码').waitFor();
    await look(page, '2-name');
    await page.getByLabel('姓名', { exact: true }).fill(name);
    await page.getByRole('button', { name: '登记并签到' }).click();
    await page.getByText('已登记，等待审核').waitFor();
    return page;
  }

  it(
    'lets people wait until somebody says yes, and tells why not',
    async () => {
      const host = await logIn('host');
      await host.getByRole('link', { name: '设置', exact: true }).click();
      await host.getByRole('combobox', { name: '不在名单里的人' }).selectOption('approval');
      await host.getByText('有未保存的改动').waitFor();
      await look(host, '1-settings');
      await host.getByRole('button', { name: '保存', exact: true }).click();
      await host.getByText('已是最新设置').waitFor();

      const [refused, accepted] = await Promise.all([register(REFUSED), register(ACCEPTED)]);
      await look(accepted, '3-waits');

      const reviewer = await logIn('reviewer');
      await reviewer.getByRole('link', { name: '名单', exact: true }).click();
      const row = ({ name }: typeof REFUSED) => reviewer.getByRole('row').filter({ hasText: name });
      await row(REFUSED).waitFor();
      await row(ACCEPTED).waitFor();
      expect(await row(REFUSED).textContent()).not.toContain(REFUSED.mobile);
      await look(reviewer, '4-applicants');
      await row(REFUSED).getByRole('button', { name: '拒绝' }).click();
      const dialog = reviewer.getByRole('dialog');
      await dialog.getByText(`为什么不通过 ${REFUSED.name}`).waitFor();
      await dialog.getByRole('textbox').fill('请带工牌到签到台核对');
      await look(reviewer, '5-reason');
      await dialog.getByRole('button', { name: '拒绝' }).click();
      await row(ACCEPTED).getByRole('button', { name: '通过' }).click();

      await accepted.getByText('您已入池').waitFor();
      await accepted.getByText(ACCEPTED.name).first().waitFor();
      await refused.getByText('登记没有通过').waitFor();
      await refused.getByText('请带工牌到签到台核对').waitFor();
      await look(refused, '6-refused');
      await expect.poll(() => row(REFUSED).count(), { timeout: STEP_MS }).toBe(0);
      const phone = await fresh(PHONE);
      await phone.context().addCookies(await reviewer.context().cookies());
      await phone.goto(reviewer.url());
      await phone.getByText('现在没有人等待审核').waitFor();
      await look(phone, '7-people-phone');
      for (const { complaints } of all) expect(complaints.filter((one) => !expected(one))).toEqual([]);
    },
    WAY_MS,
  );
});

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LAPTOP, launch, open, PHONE, type Watched } from './browser';
import { Demo } from './demo';

const SHOTS = join(import.meta.dirname, '../../test-results');
const STEP_MS = 60_000;
const WAY_MS = 240_000;
const PASSWORD = 'a long enough password';

/** A page asks once who it is: nothing else may be refused. */
const expected = (text: string): boolean => /\b401\b/.test(text) && /\/api\/session$/.test(text);

describe('personal data and roles of one meeting', () => {
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

  async function fresh(size = LAPTOP): Promise<Page> {
    const watched = await open(browser, size, demo.at.base);
    watched.page.setDefaultTimeout(STEP_MS);
    all.push(watched);
    return watched.page;
  }

  async function look(page: Page, name: string): Promise<void> {
    await page.screenshot({ path: join(SHOTS, `privacy-${name}.png`), fullPage: true });
    expect(await page.evaluate(() => document.documentElement.scrollWidth > innerWidth), name).toBe(false);
  }

  async function logIn(page: Page, user: string, password: string): Promise<void> {
    await page.goto(`${demo.at.base}/control`);
    await page.getByLabel('用户名').fill(user);
    await page.getByLabel('密码', { exact: true }).fill(password);
    await page.getByRole('button', { name: '登录', exact: true }).click();
    await page.getByRole('heading', { name: '活动' }).waitFor();
  }

  it(
    'one person is given out and removed for good',
    async () => {
      const owner = await fresh();
      const { user, password } = demo.staff('owner');
      await logIn(owner, user, password);
      await owner.goto(`${demo.at.base}/control#/m/${demo.at.meeting}/people`);
      await owner.getByText('活动结束 180 天后').waitFor();
      await look(owner, 'people');
      const first = owner.locator('tbody tr').first();
      const name = ((await first.locator('td').first().textContent()) ?? '').trim();
      await first.getByRole('button', { name: '编辑' }).click();
      await owner.getByRole('button', { name: '导出此人的全部信息' }).waitFor();
      await look(owner, 'person');
      const [file] = await Promise.all([
        owner.waitForEvent('download'),
        owner.getByRole('button', { name: '导出此人的全部信息' }).click(),
      ]);
      expect(file.suggestedFilename()).toBe('person.zip');
      await owner.getByRole('button', { name: '永久删除此人的个人信息' }).click();
      const box = owner.locator('.el-message-box');
      await box.getByRole('textbox').fill('别人');
      await box.getByRole('button', { name: '永久删除此人的个人信息' }).click();
      await box.getByText('与姓名不一致').waitFor();
      await look(owner, 'confirm');
      await box.getByRole('textbox').fill(name);
      await box.getByRole('button', { name: '永久删除此人的个人信息' }).click();
      await owner.getByText('个人信息已删除。').waitFor();
      await owner.getByText('已删除 1 人').waitFor();
      for (const { complaints } of all) expect(complaints.filter((one) => !expected(one))).toEqual([]);
    },
    WAY_MS,
  );

  it(
    'a host of one meeting sees it alone, and a token is shown once',
    async () => {
      const owner = await fresh();
      const { user, password } = demo.staff('owner');
      await logIn(owner, user, password);
      await owner.getByRole('link', { name: '工作人员' }).click();
      await owner.getByRole('button', { name: '邀请' }).click();
      await owner.locator('.el-dialog').getByText('主持', { exact: true }).first().click();
      await owner.getByRole('button', { name: '添加活动' }).click();
      await look(owner, 'invite');
      await owner.getByRole('button', { name: '生成链接' }).click();
      const link = await owner.getByRole('textbox', { name: '一次性链接' }).inputValue();
      const guest = await fresh(PHONE);
      await guest.goto(link);
      await guest.getByLabel('用户名').fill('小周');
      await guest.getByLabel('密码', { exact: true }).fill(PASSWORD);
      await guest.getByLabel('再输一次密码').fill(PASSWORD);
      await guest.getByRole('button', { name: '确定并登录' }).click();
      await guest.getByRole('heading', { name: '活动' }).waitFor();
      await look(guest, 'meetings-phone');
      await guest.goto(`${demo.at.base}/control#/m/${demo.at.meeting}/people`);
      await guest.getByRole('button', { name: '添加一人' }).waitFor();
      await look(guest, 'people-phone');
      await guest.goto(`${demo.at.base}/control#/account`);
      await guest.getByRole('button', { name: '管理令牌' }).click();
      await guest.getByLabel('新令牌的用途').fill('签到程序');
      await guest.getByRole('button', { name: '生成令牌' }).click();
      const token = await guest.getByRole('textbox', { name: '签到程序' }).inputValue();
      expect(token).toMatch(/^[0-9a-f]{64}$/);
      const meetings = await fetch(`${demo.at.base}/api/meetings`, {
        headers: { authorization: `Bearer ${token}` },
      });
      expect(((await meetings.json()) as unknown[]).length).toBe(1);
      await guest.getByRole('button', { name: '完成' }).last().click();
      await look(guest, 'tokens-phone');
      await owner.getByRole('button', { name: '完成' }).click();
      await owner.reload();
      await owner.getByText('小周').waitFor();
      await look(owner, 'staff');
      for (const { complaints } of all) expect(complaints.filter((one) => !expected(one))).toEqual([]);
    },
    WAY_MS,
  );
});

import { createHmac } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LAPTOP, launch, open, type Watched } from './browser';
import { Demo } from './demo';

const SHOTS = join(import.meta.dirname, '../../test-results');
const STEP_MS = 60_000;
const WAY_MS = 240_000;
const PASSWORD = 'a long enough password';

/** A page asks once who it is, and a log-in without its code is refused: nothing else may be. */
const expected = (text: string): boolean => /\b401\b/.test(text) && /\/api\/(session|login)$/.test(text);

/** What an authenticator app shows for a base32 secret at a moment (RFC 6238). */
function codeOf(secret: string, ms: number): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  const bits = [...secret].map((letter) => alphabet.indexOf(letter).toString(2).padStart(5, '0')).join('');
  const bytes = (bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(ms / 30_000)));
  const mac = createHmac('sha1', Buffer.from(bytes)).update(counter).digest();
  const at = (mac.at(-1) ?? 0) & 15;
  return String((mac.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}

describe('staff', () => {
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

  async function fresh(): Promise<Page> {
    const watched = await open(browser, LAPTOP, demo.at.base);
    watched.page.setDefaultTimeout(STEP_MS);
    all.push(watched);
    return watched.page;
  }

  async function look(page: Page, name: string): Promise<void> {
    await page.screenshot({ path: join(SHOTS, `staff-${name}.png`), fullPage: true });
    expect(await page.evaluate(() => document.documentElement.scrollWidth > innerWidth), name).toBe(false);
  }

  async function logIn(page: Page, user: string, password: string): Promise<void> {
    await page.goto(`${demo.at.base}/control`);
    await page.getByLabel('用户名').fill(user);
    await page.getByLabel('密码', { exact: true }).fill(password);
    await page.getByRole('button', { name: '登录', exact: true }).click();
  }

  it(
    'comes by a link, takes a second factor, and is in the trail',
    async () => {
      const owner = await fresh();
      const { user, password } = demo.staff('owner');
      await logIn(owner, user, password);
      await owner.getByRole('link', { name: '工作人员' }).click();
      await owner.getByRole('button', { name: '邀请' }).click();
      await owner.getByText('财务', { exact: true }).last().click();
      await owner.getByLabel('给谁（备注）').fill('王芳');
      await look(owner, 'invite');
      await owner.getByRole('button', { name: '生成链接' }).click();
      const link = await owner.getByRole('textbox', { name: '一次性链接' }).inputValue();
      expect(link).toMatch(/#join=[0-9a-f]{32}$/);
      await look(owner, 'link');

      const guest = await fresh();
      await guest.goto(link);
      await guest.getByLabel('用户名').fill('王芳');
      await guest.getByLabel('密码', { exact: true }).fill(PASSWORD);
      await guest.getByLabel('再输一次密码').fill(PASSWORD);
      expect(guest.url()).not.toContain('join=');
      await guest.getByRole('button', { name: '确定并登录' }).click();
      await guest.getByRole('link', { name: /王芳/ }).click();
      await guest.getByRole('button', { name: '设置验证器' }).click();
      const secret = (await guest.locator('.secret').textContent()) ?? '';
      await look(guest, 'account');
      await guest.getByLabel('六位动态验证码').fill(codeOf(secret.trim(), Date.now()));
      await guest.getByRole('button', { name: '确认并启用' }).click();
      await guest.getByText('两步验证已启用。').waitFor();
      await guest.getByRole('button', { name: '退出登录' }).click();

      await logIn(guest, '王芳', PASSWORD);
      // The next step's code: this one was used to confirm, and each works once.
      await guest.getByLabel('六位动态验证码').fill(codeOf(secret.trim(), Date.now() + 30_000));
      await look(guest, 'code');
      await guest.getByRole('button', { name: '登录', exact: true }).click();
      await guest.getByRole('heading', { name: '活动' }).waitFor();

      await owner.getByRole('button', { name: '完成' }).click();
      await owner.goto(`${demo.at.base}/control#/trail`);
      await owner.getByText('staff.join').first().waitFor();
      await owner.getByText('staff.totp').first().waitFor();
      await look(owner, 'trail');
      await owner.goto(`${demo.at.base}/control#/checks`);
      await owner.getByText('试抽', { exact: true }).waitFor();
      await look(owner, 'checks');
      for (const { complaints } of all) expect(complaints.filter((one) => !expected(one))).toEqual([]);
    },
    WAY_MS,
  );
});

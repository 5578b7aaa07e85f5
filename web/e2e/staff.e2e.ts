import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LAPTOP } from './browser';
import { Visit } from './visit';

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
  let visit: Visit;

  beforeAll(async () => {
    visit = await Visit.start('staff');
  }, WAY_MS);

  afterAll(() => visit?.stop());

  it(
    'comes by a link, takes a second factor, and is in the trail',
    async () => {
      const { page: owner } = await visit.fresh(LAPTOP);
      await visit.signIn(owner, 'owner');
      await owner.getByRole('link', { name: '工作人员' }).click();
      await owner.getByRole('button', { name: '邀请' }).click();
      await owner.getByText('财务', { exact: true }).last().click();
      await owner.getByLabel('给谁（备注）').fill('王芳');
      await visit.look(owner, 'invite');
      await owner.getByRole('button', { name: '生成链接' }).click();
      const link = await owner.getByRole('textbox', { name: '一次性链接' }).inputValue();
      expect(link).toMatch(/#join=[0-9a-f]{32}$/);
      await visit.look(owner, 'link');

      const { page: guest } = await visit.fresh(LAPTOP);
      await guest.goto(link);
      await guest.getByLabel('用户名').fill('王芳');
      await guest.getByLabel('密码', { exact: true }).fill(PASSWORD);
      await guest.getByLabel('再输一次密码').fill(PASSWORD);
      expect(guest.url()).not.toContain('join=');
      await guest.getByRole('button', { name: '确定并登录' }).click();
      await guest.getByRole('link', { name: /王芳/ }).click();
      await guest.getByRole('button', { name: '设置验证器' }).click();
      const secret = (await guest.locator('.secret').textContent()) ?? '';
      await visit.look(guest, 'account');
      await guest.getByLabel('六位动态验证码').fill(codeOf(secret.trim(), Date.now()));
      await guest.getByRole('button', { name: '确认并启用' }).click();
      await guest.getByText('两步验证已启用。').waitFor();
      await guest.getByRole('button', { name: '退出登录' }).click();

      await visit.typeLogIn(guest, { user: '王芳', password: PASSWORD });
      await guest.getByRole('button', { name: '登录', exact: true }).click();
      // The next step's code: this one was used to confirm, and each works once.
      await guest.getByLabel('六位动态验证码').fill(codeOf(secret.trim(), Date.now() + 30_000));
      await visit.look(guest, 'code');
      await guest.getByRole('button', { name: '登录', exact: true }).click();
      await guest.getByRole('heading', { name: '活动' }).waitFor();

      await owner.getByRole('button', { name: '完成' }).click();
      await owner.goto(`${visit.demo.at.base}/control#/trail`);
      await owner.getByText('staff.join').first().waitFor();
      await owner.getByText('staff.totp').first().waitFor();
      await visit.look(owner, 'trail');
      // Of one meeting, from its proof: nothing of accounts.
      await owner.goto(`${visit.demo.at.base}/control#/m/${visit.demo.at.meeting}/proof`);
      await owner.getByRole('link', { name: '这场活动的操作记录' }).click();
      await owner.getByText('meeting.create').first().waitFor();
      expect(await owner.getByText('staff.join').count()).toBe(0);
      await visit.look(owner, 'trail-of-one');
      await owner.goto(`${visit.demo.at.base}/control#/checks`);
      await owner.getByText('试抽', { exact: true }).waitFor();
      await visit.look(owner, 'checks');
      expect(visit.complaints(expected)).toEqual([]);
    },
    WAY_MS,
  );
});

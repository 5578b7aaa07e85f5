import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LAPTOP, PHONE } from './browser';
import { Visit } from './visit';

const WAY_MS = 240_000;
const PASSWORD = 'a long enough password';

/** A page asks once who it is: nothing else may be refused. */
const expected = (text: string): boolean => /\b401\b/.test(text) && /\/api\/session$/.test(text);

describe('personal data and roles of one meeting', () => {
  let visit: Visit;

  beforeAll(async () => {
    visit = await Visit.start('privacy');
  }, WAY_MS);

  afterAll(() => visit?.stop());

  it(
    'one person is given out and removed for good',
    async () => {
      const { page: owner } = await visit.fresh(LAPTOP);
      await visit.signIn(owner, 'owner');
      await owner.goto(`${visit.demo.at.base}/control#/m/${visit.demo.at.meeting}/people`);
      await owner.getByText('活动结束 180 天后').waitFor();
      await visit.look(owner, 'people');
      const first = owner.locator('tbody tr').first();
      const name = ((await first.locator('td').first().textContent()) ?? '').trim();
      await first.getByRole('button', { name: '编辑' }).click();
      await owner.getByRole('button', { name: '导出此人的全部信息' }).waitFor();
      await visit.look(owner, 'person');
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
      await visit.look(owner, 'confirm');
      await box.getByRole('textbox').fill(name);
      await box.getByRole('button', { name: '永久删除此人的个人信息' }).click();
      await owner.getByText('个人信息已删除。').waitFor();
      await owner.getByText('已删除 1 人').waitFor();
      expect(visit.complaints(expected)).toEqual([]);
    },
    WAY_MS,
  );

  it(
    'a host of one meeting sees it alone, and a token is shown once',
    async () => {
      const { page: owner } = await visit.fresh(LAPTOP);
      await visit.signIn(owner, 'owner');
      await owner.getByRole('link', { name: '工作人员' }).click();
      await owner.getByRole('button', { name: '邀请' }).click();
      await owner.locator('.el-dialog').getByText('主持', { exact: true }).first().click();
      await owner.getByRole('button', { name: '添加活动' }).click();
      await visit.look(owner, 'invite');
      await owner.getByRole('button', { name: '生成链接' }).click();
      const link = await owner.getByRole('textbox', { name: '一次性链接' }).inputValue();
      const { page: guest } = await visit.fresh(PHONE);
      await guest.goto(link);
      await guest.getByLabel('用户名').fill('小周');
      await guest.getByLabel('密码', { exact: true }).fill(PASSWORD);
      await guest.getByLabel('再输一次密码').fill(PASSWORD);
      await guest.getByRole('button', { name: '确定并登录' }).click();
      await guest.getByRole('heading', { name: '活动' }).waitFor();
      await visit.look(guest, 'meetings-phone');
      await guest.goto(`${visit.demo.at.base}/control#/m/${visit.demo.at.meeting}/people`);
      await guest.getByRole('button', { name: '添加一人' }).waitFor();
      await visit.look(guest, 'people-phone');
      await guest.goto(`${visit.demo.at.base}/control#/account`);
      await guest.getByRole('button', { name: '管理令牌' }).click();
      await guest.getByLabel('新令牌的用途').fill('签到程序');
      await guest.getByRole('button', { name: '生成令牌' }).click();
      const token = await guest.getByRole('textbox', { name: '签到程序' }).inputValue();
      expect(token).toMatch(/^[0-9a-f]{64}$/);
      const meetings = await fetch(`${visit.demo.at.base}/api/meetings`, {
        headers: { authorization: `Bearer ${token}` },
      });
      expect(((await meetings.json()) as unknown[]).length).toBe(1);
      await guest.getByRole('button', { name: '完成' }).last().click();
      await visit.look(guest, 'tokens-phone');
      await owner.getByRole('button', { name: '完成' }).click();
      await owner.reload();
      await owner.getByText('小周').waitFor();
      await visit.look(owner, 'staff');
      expect(visit.complaints(expected)).toEqual([]);
    },
    WAY_MS,
  );
});

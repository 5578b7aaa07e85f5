import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PHONE } from './browser';
import { asksWho, STEP_MS, Visit } from './visit';

const WAY_MS = 240_000;
/** Whose WeChat it is, and the number that they type: none of the roster. */
const REFUSED = { wechat: '19900000291', mobile: '13912345671', name: '古丽娜尔·买买提' };
const ACCEPTED = { wechat: '19900000292', mobile: '13912345672', name: '司马相如' };

/** A number that is not on the roster needs a name. */
const expected = (text: string): boolean =>
  asksWho(text) || (/\b422\b/.test(text) && /\/me\/bind$/.test(text));

describe('a meeting that takes registrations', () => {
  let visit: Visit;

  beforeAll(async () => {
    visit = await Visit.start('register');
  }, WAY_MS);

  afterAll(() => visit?.stop());

  /** A follower who proves a number that nobody has invited. */
  async function register({ wechat, mobile, name }: typeof REFUSED): Promise<Page> {
    const { page } = await visit.phone();
    await visit.follow(page, wechat);
    await page.getByText('不在名单里的可以登记').waitFor();
    await visit.typeCode(page, mobile);
    await page.getByRole('button', { name: '确认签到' }).click();
    await page.getByText('名单里没有这个号码').waitFor();
    await visit.lookClosely(page, '2-name');
    await page.getByLabel('姓名', { exact: true }).fill(name);
    await page.getByRole('button', { name: '登记并签到' }).click();
    await page.getByText('已登记，等待审核').waitFor();
    return page;
  }

  it(
    'lets people wait until somebody says yes, and tells why not',
    async () => {
      const { page: host } = await visit.logIn('host');
      await host.getByRole('link', { name: '设置', exact: true }).click();
      await host.getByRole('combobox', { name: '不在名单里的人' }).selectOption('approval');
      await host.getByText('有未保存的改动').waitFor();
      await visit.lookClosely(host, '1-settings');
      await host.getByRole('button', { name: '保存', exact: true }).click();
      await host.getByText('已是最新设置').waitFor();

      const [refused, accepted] = await Promise.all([register(REFUSED), register(ACCEPTED)]);
      await visit.lookClosely(accepted, '3-waits');

      const { page: reviewer } = await visit.logIn('reviewer');
      await reviewer.getByRole('link', { name: '名单', exact: true }).click();
      const row = ({ name }: typeof REFUSED) => reviewer.getByRole('row').filter({ hasText: name });
      await row(REFUSED).waitFor();
      await row(ACCEPTED).waitFor();
      expect(await row(REFUSED).textContent()).not.toContain(REFUSED.mobile);
      await visit.lookClosely(reviewer, '4-applicants');
      await row(REFUSED).getByRole('button', { name: '拒绝' }).click();
      const dialog = reviewer.getByRole('dialog');
      await dialog.getByText(`为什么不通过 ${REFUSED.name}`).waitFor();
      await dialog.getByRole('textbox').fill('请带工牌到签到台核对');
      await visit.lookClosely(reviewer, '5-reason');
      await dialog.getByRole('button', { name: '拒绝' }).click();
      await row(ACCEPTED).getByRole('button', { name: '通过' }).click();

      await accepted.getByText('您已入池').waitFor();
      await accepted.getByText(ACCEPTED.name).first().waitFor();
      await refused.getByText('登记没有通过').waitFor();
      await refused.getByText('请带工牌到签到台核对').waitFor();
      await visit.lookClosely(refused, '6-refused');
      await expect.poll(() => row(REFUSED).count(), { timeout: STEP_MS }).toBe(0);
      const { page: phone } = await visit.fresh(PHONE);
      await phone.context().addCookies(await reviewer.context().cookies());
      await phone.goto(reviewer.url());
      await phone.getByText('现在没有人等待审核').waitFor();
      await visit.lookClosely(phone, '7-people-phone');
      expect(visit.complaints(expected)).toEqual([]);
    },
    WAY_MS,
  );
});

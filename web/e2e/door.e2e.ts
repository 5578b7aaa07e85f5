import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Wire } from '../src/wire';
import { HALL, PHONE } from './browser';
import { asksWho, STEP_MS, Visit } from './visit';

const WAY_MS = 240_000;
const MOBILE = '19900000290';

/** The wrong codes below are refused. */
const expected = (text: string): boolean =>
  asksWho(text) || (/\b40[39]\b/.test(text) && /\/me\/(checkin|identify)$/.test(text));

describe('the door of a small meeting', () => {
  let visit: Visit;

  beforeAll(async () => {
    visit = await Visit.start('door');
  }, WAY_MS);

  afterAll(() => visit?.stop());

  /** Chooses in the settings how people prove who they are, and saves. */
  async function choose(control: Page, way: Wire['BindBy']): Promise<void> {
    await control.getByRole('link', { name: '设置', exact: true }).click();
    await control.getByRole('combobox', { name: '怎样确认身份' }).selectOption(way);
    await control.getByText('有未保存的改动').waitFor();
    await control.getByRole('button', { name: '保存', exact: true }).click();
    await control.getByText('已是最新设置').waitFor();
  }

  async function person(mobile: string): Promise<Wire['PersonView']> {
    const { people } = await visit.demo.call<Wire['PeoplePage']>('host', `GET /people?search=${mobile}`);
    if (people[0] === undefined) throw new Error(`nobody has ${mobile}`);
    return people[0];
  }

  async function pair(): Promise<Page> {
    const { code } = await visit.demo.call<Wire['Pairing']>('host', 'POST /pairing');
    const { page: screen } = await visit.fresh(HALL);
    await screen.goto(visit.demo.at.pages.screen);
    await screen.getByPlaceholder('0000 0000').fill(code);
    await screen.getByRole('button', { name: '连接' }).click();
    await screen.getByRole('heading', { name: '微信扫码签到' }).waitFor();
    return screen;
  }

  it(
    'opens to a badge, and counts who is in the hall',
    async () => {
      const { page: control } = await visit.logIn('host');
      await choose(control, 'staff');
      const { id, name, staff_no } = await person(MOBILE);
      const made = await visit.demo.call<Wire['Badge']>('host', `POST /people/${id}/badge`);

      // The form follows the setting: by staff number first, a wrong name says so, then by the badge.
      const { page: phone } = await visit.phone();
      await visit.follow(phone, MOBILE, { address: made.link });
      await phone.getByLabel('工号', { exact: true }).fill(staff_no);
      await phone.getByLabel('姓名', { exact: true }).fill('别人');
      await phone.getByRole('checkbox').check();
      await phone.getByRole('button', { name: '确认签到' }).click();
      await phone.getByRole('alert').getByText('与名单对不上').waitFor();
      await visit.look(phone, '1-staff-number');
      await control.getByText('须现场签到才能中奖').click();
      await choose(control, 'badge');
      await control.getByRole('button', { name: '导出胸牌（xlsx）' }).waitFor();
      await visit.look(control, '2-settings');
      expect(new URL(phone.url()).hash).toBe('');
      await phone.getByRole('button', { name: '确认签到' }).click();
      const code = phone.getByLabel('胸牌码', { exact: true });
      await code.waitFor();
      expect(await code.inputValue()).toBe(made.code);
      await visit.look(phone, '3-badge');
      await phone.getByRole('checkbox').check();
      await phone.getByRole('button', { name: '确认签到' }).click();
      await phone.getByText('您已入池').waitFor();
      await phone.getByText(name).first().waitFor();
      await phone.getByText('还没有现场签到').waitFor();
      await visit.look(phone, '4-in');

      // The screen's code, as a camera reads it.
      const screen = await pair();
      await control.getByRole('link', { name: '现场', exact: true }).click();
      await control.getByRole('button', { name: '现场签到', exact: true }).click();
      await screen.getByRole('heading', { name: '微信扫码，现场签到' }).waitFor();
      await screen.getByRole('img', { name: '微信扫码，现场签到' }).waitFor();
      await visit.look(screen, '5-screen', false);
      await visit.look(control, '6-run');
      await phone.goto(`${visit.demo.at.pages.attendee}#checkin=AAAABBBBCCCCDDDD`);
      await phone.getByRole('alert').getByText('签到码已变化').waitFor();
      await visit.look(phone, '7-old-code');
      const token = await screen.evaluate(async (meeting) => {
        const answer = await fetch(`/api/meetings/${meeting}/checkin`);
        return ((await answer.json()) as { token: string }).token;
      }, visit.demo.at.meeting);
      await phone.goto(`${visit.demo.at.pages.attendee}#checkin=${token}`);
      await phone.getByText('已现场签到').waitFor();
      expect(new URL(phone.url()).hash).toBe('');
      await visit.look(phone, '8-here');
      await expect.poll(() => screen.locator('.count strong').textContent(), { timeout: STEP_MS }).toBe('1');

      // The host sees it, and can take it back.
      await control.getByRole('link', { name: '名单', exact: true }).click();
      await control.getByLabel('搜姓名、手机号、部门、工号').fill(staff_no);
      await control.getByText('已签到', { exact: true }).waitFor();
      await visit.look(control, '9-people');
      await control.getByRole('button', { name: '撤销签到' }).click();
      await control.getByRole('dialog').getByRole('button', { name: '撤销签到' }).click();
      await phone.getByText('还没有现场签到').waitFor();
      expect(visit.complaints(expected)).toEqual([]);
    },
    WAY_MS,
  );

  it(
    'shows two hosts each other’s settings',
    async () => {
      const { page: control } = await visit.logIn('host');
      await control.getByRole('link', { name: '设置', exact: true }).click();
      await control.getByLabel('红包祝福语').fill('大家好运');
      const seen = await visit.demo.call<Wire['MeetingView']>('host', 'GET ');
      const settings = { ...seen.settings, act_name: '别人的活动' };
      await visit.demo.call('host', 'PATCH ', { version: seen.version, name: seen.name, settings });
      await control.getByText('别人刚刚改过这些设置').waitFor();
      expect(await control.getByRole('button', { name: '保存', exact: true }).isDisabled()).toBe(true);
      await visit.look(control, '10-stale');
      await control.getByRole('button', { name: '载入最新内容' }).click();
      expect(await control.getByLabel('红包活动名称').inputValue()).toBe('别人的活动');
      expect(await control.getByLabel('红包祝福语').inputValue()).toBe(seen.settings.wishing);
      const { page } = await visit.fresh(PHONE);
      await page.context().addCookies(await control.context().cookies());
      await page.goto(control.url());
      await page.getByLabel('红包祝福语').waitFor();
      await visit.look(page, '11-settings-phone');
      expect(visit.complaints(expected)).toEqual([]);
    },
    WAY_MS,
  );
});

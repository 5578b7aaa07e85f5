import { mkdirSync } from 'node:fs';
import type { Server } from 'node:http';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Wire } from '../src/wire';
import { launch, open, PHONE } from './browser';
import * as make from './fixtures';
import { serveBuild } from './static';
import { lookClosely, SHOTS, Visit } from './visit';

const M = `/api/meetings/${make.MEETING}`;
const LONG_MS = 240_000;
/** As long as Playwright waits by itself: nothing here takes longer. */
const STEP_MS = 30_000;
/** Somebody at the end of the demo's roster. */
const MOBILE = '19900000298';

const evening = make.gala();
const { index, pid, salt, identity, receipt } = evening.me;
const waits: Wire['MyConfirm'] = {
  draw: 1,
  rank: 3,
  trial: false,
  amount_fen: 8800,
  until: make.NOW + 86_400_000,
  mch_id: '1900000109',
  app_id: 'wx0000000000000000',
  package: 'ticket-of-this-person',
};
const me: Wire['Me'] = {
  step: 'in',
  name: '徐静',
  phone: '138****0007',
  place: { index, pid, salt, identity, receipt },
  wins: [],
  confirm: [waits],
  tapped: null,
};

describe('the card where a transfer is confirmed', () => {
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

  async function phone(weChat: boolean) {
    const watched = await open(browser, PHONE, home);
    if (weChat)
      await watched.page.addInitScript(() => {
        const asked: unknown[] = [];
        const invoke = (name: string, values: unknown, answer: (said: { err_msg: string }) => void): void => {
          asked.push([name, values]);
          answer({ err_msg: `${name}:ok` });
        };
        Object.assign(window, { asked, WeixinJSBridge: { invoke } });
      });
    const pinned = make.meeting(evening.pin);
    const first = make.snapshot({ meeting: pinned, log: evening.seen[0] as Wire['Checkpoint'] });
    const far = await make.mock(
      watched.page,
      first,
      {
        [`GET ${M}/public`]: { body: pinned },
        [`GET ${M}/me`]: { body: me },
        'GET /api/official/jssdk': {
          body: { app_id: waits.app_id, timestamp: 5, nonce: 'n', signature: 's' },
        },
      },
      me,
    );
    await watched.page.goto(`${home}/m/${make.MEETING}`);
    await watched.page.getByRole('heading', { name: '确认收款' }).waitFor();
    return { ...watched, far };
  }

  it('opens WeChat’s own page, and is gone when the payer has paid', async () => {
    const { context, page, far, complaints } = await phone(true);
    await page.getByText('请在 2026-11-27 20:00 前确认').waitFor();
    await lookClosely(page, 'transfer-card');
    await page.getByRole('button', { name: '确认收款' }).click();
    await page.getByText('已打开微信的收款页').waitFor();
    const asked = await page.evaluate(() => (window as unknown as { asked: [string, object][] }).asked);
    expect(asked.map(([name]) => name)).toEqual(['preVerifyJSAPI', 'requestMerchantTransfer']);
    expect(asked[1]?.[1]).toEqual({ mchId: waits.mch_id, appId: waits.app_id, package: waits.package });
    far.pass('me', { ...me, confirm: [] });
    await page.getByRole('heading', { name: '确认收款' }).waitFor({ state: 'detached' });
    expect(complaints).toEqual([]);
    await context.close();
  });

  it('says in another browser where to go, also in English', async () => {
    const { context, page } = await phone(false);
    await page.getByRole('button', { name: '确认收款' }).click();
    await page.getByText('请用手机微信打开本页').waitFor();
    await page.getByRole('button', { name: 'English' }).click();
    await page.getByRole('button', { name: 'Confirm' }).waitFor();
    await page.getByText('Open this page in WeChat').waitFor();
    await lookClosely(page, 'transfer-outside-en');
    await context.close();
  });
});

describe('a transfer in the demo', () => {
  let visit: Visit;

  beforeAll(async () => {
    visit = await Visit.start('transfer', { stepMs: STEP_MS });
  }, LONG_MS);

  afterAll(() => visit?.stop());

  it(
    'is chosen by finance, confirmed by its receiver, and paid once',
    async () => {
      const [phone, desk] = [await visit.phone(), await visit.logIn('finance')];
      await visit.comeAsFollower(phone.page, MOBILE);
      await visit.bind(phone.page, MOBILE);
      await desk.page.getByRole('link', { name: '资金' }).click();
      // A budget says for good how it is paid.
      await desk.page.getByRole('button', { name: '新建预算' }).click();
      const dialog = desk.page.getByRole('dialog');
      await dialog.getByLabel('预算名称').fill('转账奖金');
      await dialog.getByLabel('上限（元）').fill('100');
      await dialog.getByRole('combobox', { name: '付款方式' }).selectOption({ label: '商家转账' });
      await visit.lookClosely(desk.page, 'budget');
      await dialog.getByRole('button', { name: '保存' }).click();
      await dialog.waitFor({ state: 'hidden' });
      const budgets = await visit.demo.call<Wire['BudgetView'][]>('finance', 'GET /budgets');
      expect(budgets.find(({ name }) => name === '转账奖金')?.channel).toBe('transfer_v3');

      const people = await visit.demo.call<Wire['PeoplePage']>(
        'host',
        `GET /people?search=${MOBILE.slice(-4)}`,
      );
      const body = { person_id: people.people[0]?.id, channel: 'transfer_v3' };
      const { bill_no } = await visit.demo.call<Wire['PacketView']>('finance', 'POST /trials', body);
      const card = phone.page.locator('section.confirm');
      await card.getByText('活动前试发').waitFor();
      await visit.lookClosely(phone.page, 'trial');
      const opened = phone.context.waitForEvent('page');
      await card.getByRole('link', { name: '确认收款' }).click();
      const weChat = await opened;
      await weChat.getByRole('button', { name: '确认收款' }).click();
      await weChat.getByText('已收款').waitFor();
      await card.waitFor({ state: 'detached' });
      const paid = await visit.demo.call<Wire['PacketView']>('finance', `GET /packets/${bill_no}`);
      expect([paid.state, paid.channel, paid.sends]).toEqual(['received', 'transfer_v3', 1]);
      const books = await visit.demo.sandbox<{ paid_count: number }>(`/packets?bill_no=${bill_no}`);
      expect(books.paid_count).toBe(1);
      await phone.context.close();
      await desk.context.close();
    },
    LONG_MS,
  );
});

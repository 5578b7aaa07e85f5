import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { asksWho, SHOTS, Visit } from './visit';

const WAY_MS = 240_000;
const OLD = '19900000290';
const NEW = '19900000299';

describe('a friend by my link', () => {
  let visit: Visit;

  beforeAll(async () => {
    visit = await Visit.start('referral');
  }, WAY_MS);

  afterAll(() => visit?.stop());

  /** From an address to the pool, as a person whom the account does not know yet. */
  async function enter(address: string, mobile: string): Promise<Page> {
    const { page } = await visit.phone();
    await visit.follow(page, mobile, { address });
    await visit.bind(page, mobile);
    return page;
  }

  it(
    'counts for me and pays me',
    async () => {
      const budget = await visit.demo.call<{ id: string }>('finance', 'POST /budgets', {
        name: '推荐奖金',
        cap_fen: 100_000,
        purpose: 'campaign',
      });
      await visit.demo.call('finance', `POST /budgets/${budget.id}/approve`);
      const rules = {
        open: true,
        fen: 300,
        every: 1,
        daily: 5,
        total: 20,
        delay_ms: 0,
        budget_id: budget.id,
      };
      await visit.demo.call('host', 'PUT /referral-rules', { version: 1, rules });
      const mine = await enter(visit.demo.at.pages.attendee, OLD);
      await mine.getByRole('button', { name: '推荐', exact: true }).click();
      await mine.getByText('每推荐 1 位新朋友，奖励 ¥3.00').waitFor();
      await mine.getByRole('button', { name: '生成我的推荐码' }).click();
      await mine.getByRole('img', { name: '让朋友用微信扫码' }).waitFor();
      await visit.look(mine, 'code');
      await mine.getByRole('button', { name: '生成海报' }).click();
      const poster = mine.getByRole('img', { name: /邀请海报/ });
      await poster.waitFor();
      expect(await poster.evaluate((image) => (image as HTMLImageElement).naturalWidth)).toBe(750);
      await poster.screenshot({ path: join(SHOTS, 'referral-poster.png') });
      await visit.look(mine, 'poster-page');
      const link = (await mine.locator('.link-text').textContent()) ?? '';
      expect(link).toContain('?ref=');
      await enter(link, NEW);
      const { page: control } = await visit.logIn('host');
      await control.getByRole('link', { name: '推荐' }).click();
      await control.getByRole('cell', { name: '已奖励' }).waitFor();
      await visit.look(control, 'control');
      await mine.getByRole('button', { name: '抽奖', exact: true }).click();
      await mine.getByRole('button', { name: '推荐', exact: true }).click();
      await mine.getByText('已奖励 ¥3.00').waitFor();
      await visit.look(mine, 'paid');
      expect(visit.complaints(asksWho)).toEqual([]);
    },
    WAY_MS,
  );
});

import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Watched } from './browser';
import { asksWho, Visit } from './visit';

const WAY_MS = 240_000;
const MOBILE = '19900000298';

/** What this test cuts on purpose is reported as well. */
const expected = (text: string): boolean =>
  asksWho(text) || /ERR_(FAILED|CONNECTION|INTERNET)/.test(text) || /\b400\b.*\/me\/bind$/.test(text);

/** A photo that does not compress: some 600 kB, several pieces. */
async function noise(page: Page): Promise<Buffer> {
  const url = await page.evaluate(() => {
    const canvas = document.createElement('canvas');
    canvas.width = 460;
    canvas.height = 440;
    const context = canvas.getContext('2d');
    if (context === null) throw new Error('no canvas');
    const image = context.createImageData(canvas.width, canvas.height);
    image.data.forEach((_, at) => {
      image.data[at] = at % 4 === 3 ? 255 : Math.floor(Math.random() * 256);
    });
    context.putImageData(image, 0, 0);
    return canvas.toDataURL('image/png');
  });
  return Buffer.from(url.slice(url.indexOf(',') + 1), 'base64');
}

describe('a voucher from the phone to the packet', () => {
  let visit: Visit;
  let phone: Watched;
  let control: Watched;

  beforeAll(async () => {
    visit = await Visit.start('voucher');
  }, WAY_MS);

  afterAll(() => visit?.stop());

  async function campaign(): Promise<void> {
    const budget = await visit.demo.call<{ id: string }>('finance', 'POST /budgets', {
      name: '凭证奖金',
      cap_fen: 100_000,
      purpose: 'campaign',
    });
    await visit.demo.call('finance', `POST /budgets/${budget.id}/approve`);
    await visit.demo.call('host', 'POST /voucher-campaigns', {
      name: '秋季促销',
      rules: {
        amount: { mode: 'fixed', fen: 888 },
        per_person: 3,
        photos_min: 1,
        photos_max: 3,
        fields: [{ field: 'order_no', required: true }],
        budget_id: budget.id,
        intro: '请拍下完整的小票。',
      },
    });
  }

  async function enter(): Promise<void> {
    phone = await visit.phone();
    const { page } = phone;
    await visit.comeAsNewcomer(page, '促销员');
    await visit.typeCode(page, MOBILE);
    // The server takes the code, and its answer is lost: whoever presses once more is in, without another SMS.
    let answers = 0;
    await page.route('**/me/bind', async (route) => {
      answers += 1;
      const answer = await route.fetch();
      return answers === 1 ? route.abort('connectionfailed') : route.fulfill({ response: answer });
    });
    await page.getByRole('button', { name: '确认签到' }).click();
    await page.getByRole('alert').waitFor();
    await page.getByRole('button', { name: '确认签到' }).click();
    await page.getByText('您已入池').waitFor();
    expect(answers).toBe(2);
  }

  /** The second piece is cut off, twice: the upload goes on by itself. */
  async function upload(order: string, shot: string): Promise<void> {
    const { page } = phone;
    let pieces = 0;
    await page.route('**/photos/1?**', async (route) => {
      if (route.request().method() !== 'PUT') return route.continue();
      pieces += 1;
      return pieces === 2 || pieces === 3 ? route.abort('connectionfailed') : route.continue();
    });
    const offer = page.locator('article').filter({ hasText: '秋季促销' });
    await offer.getByRole('button', { name: '上传凭证' }).click();
    await page.getByLabel('订单号').fill(order);
    const file = { name: '小票.png', mimeType: 'image/png', buffer: await noise(page) };
    await page.getByLabel('第 1 张照片').setInputFiles(file);
    await page.getByRole('img', { name: '第 1 张照片' }).waitFor();
    expect(pieces).toBeGreaterThan(4);
    await visit.look(page, `phone-${shot}`);
    await page.unroute('**/photos/1?**');
    await page.getByRole('button', { name: '提交审核' }).click();
    await page.getByText('已提交，等待审核').first().waitFor();
  }

  async function reviewer(): Promise<void> {
    control = await visit.logIn('reviewer');
    await control.page.getByRole('link', { name: '凭证' }).click();
  }

  it(
    'goes on after a broken network, is rejected and accepted by keyboard, and is paid',
    async () => {
      await campaign();
      await enter();
      await phone.page.getByRole('button', { name: '凭证', exact: true }).click();
      await phone.page.getByText('请拍下完整的小票。').waitFor();
      await visit.look(phone.page, 'phone-offers');
      await upload('SO-2026-0001', 'form');
      await reviewer();
      const { page } = control;
      await page.getByText('SO-2026-0001').waitFor();
      const photo = page.getByRole('img', { name: '第 1 张照片，共 1 张' });
      await photo.waitFor();
      const width = async (): Promise<number> => (await photo.boundingBox())?.width ?? 0;
      const before = await width();
      await page.keyboard.press('+');
      await expect.poll(width).toBeGreaterThan(before * 1.4);
      await visit.look(page, 'review');
      await page.keyboard.press('0');
      await page.keyboard.press('r');
      await page.getByRole('dialog').getByText('照片不清楚').waitFor();
      await page.keyboard.press('1');
      await visit.look(page, 'reject');
      await page.keyboard.press('Enter');
      await page.getByText('没有等待你审核的凭证').waitFor();
      // The phone says why, and the same voucher comes again.
      await phone.page.getByText('未通过：照片不清楚，看不清订单号').first().waitFor();
      await visit.look(phone.page, 'phone-rejected');
      await phone.page.getByRole('button', { name: '修改后重新提交' }).click();
      await phone.page.getByRole('button', { name: '重新提交' }).click();
      await phone.page.getByText('已提交，等待审核').first().waitFor();
      await page.keyboard.press('n');
      await page.getByText('SO-2026-0001').waitFor();
      await page.keyboard.press('a');
      await page.getByText('没有等待你审核的凭证').waitFor();
      await phone.page
        .getByText(/8\.88 元红包已(发出|领取)/)
        .first()
        .waitFor();
      await visit.look(phone.page, 'phone-paid');
      expect(visit.complaints(expected)).toEqual([]);
    },
    WAY_MS,
  );
});

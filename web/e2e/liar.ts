import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import type { Message } from '../src/shared/state';
import { PHONE } from './browser';
import type { Demo } from './demo';

type Json = Record<string, unknown>;

/** What a phone is told instead of the truth; each gives back what it gets until a test says otherwise. */
export interface Lies {
  /** An answer of the API: method, path within the meeting, content. */
  answer(call: string, body: Json): unknown;
  /** What the phone sends. */
  request(call: string, body: Json): Json;
  /** A message of the socket. */
  message(message: Message): Message;
}

/** A phone whose line to the server runs through somebody who may alter everything. */
export class LiedTo {
  readonly lies: Lies = {
    answer: (_call, body) => body,
    request: (_call, body) => body,
    message: (message) => message,
  };

  private constructor(
    readonly page: Page,
    private readonly demo: Demo,
  ) {}

  static async open(browser: Browser, demo: Demo): Promise<LiedTo> {
    const context = await browser.newContext({
      viewport: PHONE,
      locale: 'zh-CN',
      timezoneId: 'Asia/Shanghai',
    });
    const page = await context.newPage();
    page.setDefaultTimeout(60_000);
    const phone = new LiedTo(page, demo);
    const { meeting } = demo.at;
    const call = (method: string, url: string): string =>
      `${method} ${new URL(url).pathname.replace(`/api/meetings/${meeting}`, '')}`;
    // Nobody in a test waits for the random moment.
    await page.addInitScript(() => {
      Math.random = () => 0;
    });
    await page.route(`**/api/meetings/${meeting}/**`, async (route) => {
      const request = route.request();
      const name = call(request.method(), request.url());
      const sent = request.method() === 'POST' ? phone.lies.request(name, request.postDataJSON()) : null;
      try {
        const response = await route.fetch(sent === null ? {} : { postData: JSON.stringify(sent) });
        const type = response.headers()['content-type'] ?? '';
        if (!type.includes('json')) await route.fulfill({ response });
        else await route.fulfill({ response, json: phone.lies.answer(name, await response.json()) });
      } catch {
        // The server is down, or the page has gone.
        await route.abort().catch(() => {});
      }
    });
    await page.routeWebSocket(/\/ws\//, (socket) => {
      const far = socket.connectToServer();
      far.onMessage((text) => {
        const message: Message = JSON.parse(String(text));
        // Whoever sits in between keeps back what is sealed: then the phone asks for the result whole.
        if (message.type !== 'sealed') socket.send(JSON.stringify(phone.lies.message(message)));
      });
    });
    return phone;
  }

  /** Follows and logs in; then the page asks for the phone number. */
  async logIn(mobile: string): Promise<void> {
    const { page, demo } = this;
    await page.goto(demo.at.pages.attendee);
    await page.waitForURL(/\/connect\/oauth2\/authorize/);
    const mine = page.getByRole('button', { name: mobile });
    const openid = (await mine.getAttribute('value')) ?? '';
    await mine.click();
    await page.getByText('先关注公众号').waitFor();
    await demo.sandbox('/callbacks', { openid, event: 'subscribe' });
    await page.getByLabel('手机号', { exact: true }).waitFor();
  }

  /** Binds, from the form that asks for the phone number. */
  async bind(mobile: string): Promise<void> {
    const { page, demo } = this;
    await page.getByLabel('手机号', { exact: true }).fill(mobile);
    await page.getByRole('checkbox').check();
    await page.getByRole('button', { name: '获取验证码' }).click();
    await page.getByLabel('短信验证码').fill(await demo.code(mobile));
    await page.getByRole('button', { name: '确认签到' }).click();
    await page.getByText('您已入池').waitFor();
  }
}

/** The operator puts the server back to what it was: another history can be written from there. */
export async function rewound(demo: Demo, name: string, way: 'keep' | 'restore'): Promise<void> {
  const data = join(demo.folder, 'data');
  const kept = join(demo.folder, name);
  await demo.restart(() => {
    if (way === 'keep') cpSync(data, kept, { recursive: true });
    else {
      rmSync(data, { recursive: true });
      cpSync(kept, data, { recursive: true });
    }
  });
}

import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import type { Message } from '../src/shared/state';
import type { Demo } from './demo';
import type { Visit } from './visit';

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
    private readonly visit: Visit,
  ) {}

  static async open(visit: Visit): Promise<LiedTo> {
    const { page } = await visit.phone();
    const phone = new LiedTo(page, visit);
    const { meeting } = visit.demo.at;
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
  logIn(mobile: string): Promise<void> {
    return this.visit.follow(this.page, mobile);
  }

  /** Binds, from the form that asks for the phone number. */
  bind(mobile: string): Promise<void> {
    return this.visit.bind(this.page, mobile);
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

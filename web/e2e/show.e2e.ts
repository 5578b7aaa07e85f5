import type { Server } from 'node:http';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { ALL_MS, REST_MS, ROW_MS } from '../src/screen/layout';
import { FLY_MS, SPIN_MS } from '../src/shared/moment';
import type { Wire } from '../src/wire';
import { HALL, launch, NO_WEBGL, open } from './browser';
import { Demo } from './demo';
import * as make from './fixtures';
import { serveBuild } from './static';

const look = (over: Partial<Wire['Show']> = {}): Wire['Show'] => ({
  style: 'sphere',
  theme: 'red',
  music: 'off',
  volume: 60,
  logo: '',
  prizes: {},
  version: 1,
  ...over,
});
/** From the result until the cards stand, ms. */
const STOOD_MS = SPIN_MS + FLY_MS;
const closed = make.draw({ state: 'closed', values: make.revealed().values });

/** What is seen of the stage's own half. */
function picture(page: Page): Promise<string> {
  return page
    .screenshot({ clip: { x: 980, y: 160, width: 900, height: 640 } })
    .then((image) => image.toString('base64'));
}

/** Pictures until one differs from `before`. */
function changed(page: Page, before: string): Promise<string> {
  return vi.waitFor(
    async () => {
      const now = await picture(page);
      if (now === before) throw new Error('nothing moves');
      return now;
    },
    { timeout: 20_000, interval: 100 },
  );
}

async function stage(page: Page, state: string): Promise<void> {
  await page.locator(`[data-stage="${state}"]`).waitFor({ state: 'attached', timeout: 20_000 });
}

describe('the show', () => {
  let browser: Browser;
  let server: Server;
  let home: string;

  beforeAll(async () => {
    ({ home, server } = await serveBuild());
    browser = await launch();
  });

  afterAll(async () => {
    await browser.close();
    server.close();
  });

  async function hall(over: Partial<Wire['Snapshot']>, query = '', by = browser) {
    const watched = await open(by, HALL, home);
    await watched.page.addInitScript(() => localStorage.setItem('kaijiang.screen.gala', 'paired'));
    const far = await make.mock(watched.page, make.snapshot(over), {});
    await watched.page.goto(`${home}/screen/gala${query}`);
    return { ...watched, far };
  }

  it('moves names in WebGL, and changes style and theme at once when the host does', async () => {
    const { context, page, far, complaints } = await hall({ draws: [closed] });
    await page.getByText('随机数已齐').waitFor();
    await stage(page, 'moving');
    let last = await changed(page, await picture(page));
    for (const [i, style] of (['scroll', 'slot', 'cards', 'sphere'] as const).entries()) {
      far.send('show', look({ style, theme: 'night', logo: `星河${i}`, version: i + 2 }));
      await page.getByText(`星河${i}`).waitFor();
      last = await changed(page, last);
      last = await changed(page, last);
    }
    const accent = await page
      .locator('.frame')
      .evaluate((one) => getComputedStyle(one).getPropertyValue('--gold-400'));
    expect(accent).toBe('#6cc6ff');
    expect(complaints).toEqual([]);
    await context.close();
  });

  it('lands in the same phase after a reload: names that move, then the winners', async () => {
    const before = { draws: [make.revealed({ winners: make.seats(20), revealed_at: make.NOW })] };
    const { context, page, complaints } = await hall({ scene: { name: 'draw', draw: 1 }, ...before });
    await page.getByText('正在揭晓').waitFor();
    await stage(page, 'moving');
    const cards = page.locator('.winners ul');
    expect(
      await cards.evaluate((one) => [getComputedStyle(one).opacity, one.getAttribute('aria-hidden')]),
    ).toEqual(['0', 'true']);
    await page.reload();
    await page.getByText('正在揭晓').waitFor();
    await page.getByText('恭喜中奖').waitFor();
    await page.locator('.winners ul:not(.hidden)').waitFor();
    expect(await page.locator('.winners li').count()).toBe(20);
    expect(complaints).toEqual([]);
    await context.close();
  });

  it.each(['sphere', 'cards'] as const)(
    'leaves nothing of earlier frames on the stage: %s',
    async (style) => {
      // The names still spin; they fly, and the paper has fallen, when the stage comes to rest. The cards of five leave most
      // of it uncovered: what flies over a trace would wipe it.
      const revealed = make.revealed({ winners: make.seats(5), revealed_at: make.NOW });
      const { context, page } = await open(browser, HALL, home);
      await page.addInitScript(() => {
        localStorage.setItem('kaijiang.screen.gala', 'paired');
        // Drawn on the page, where it can be looked at.
        Reflect.deleteProperty(HTMLCanvasElement.prototype, 'transferControlToOffscreen');
      });
      const over = { scene: { name: 'draw', draw: 1 }, draws: [revealed], show: look({ style }) };
      await make.mock(page, make.snapshot(over as Partial<Wire['Snapshot']>), {});
      await page.goto(`${home}/screen/gala`);
      const unlike = (): Promise<number> =>
        page.evaluate(() => {
          const [back, moving] = [...document.querySelectorAll<HTMLCanvasElement>('.stage canvas')].map(
            (one) => {
              const copy = new OffscreenCanvas(one.width, one.height).getContext('2d');
              copy?.drawImage(one, 0, 0);
              return copy?.getImageData(0, 0, one.width, one.height).data ?? new Uint8ClampedArray();
            },
          );
          if (back === undefined || moving === undefined || back.length !== moving.length) return -1;
          let count = 0;
          for (let at = 0; at < back.length; at++)
            if (Math.abs((back[at] ?? 0) - (moving[at] ?? 0)) > 2) count += 1;
          return count;
        });
      await stage(page, 'moving');
      // A page that nobody sees is never too slow: a busy machine would give the stage up, drawn on the page as it is here.
      await page.evaluate(() => {
        Object.defineProperty(document, 'hidden', { value: true });
        document.dispatchEvent(new Event('visibilitychange'));
      });
      await vi.waitFor(async () => expect(await unlike()).toBeGreaterThan(1_000), { timeout: 10_000 });
      await stage(page, 'resting');
      expect(await unlike()).toBe(0);
      await context.close();
    },
  );

  it('has all of 450 winners on one page', async () => {
    // Made while names still move: the page has all the time that it needs.
    const draws = [make.revealed({ winners: make.seats(450), revealed_at: make.NOW + 120_000 })];
    const { context, page, complaints } = await hall({ scene: { name: 'draw', draw: 1 }, draws });
    await vi.waitFor(async () => expect(await page.locator('.winners li').count()).toBe(450), {
      timeout: 20_000,
    });
    const over = await page.evaluate(() => {
      const cards = [...document.querySelectorAll('.winners li')].map((one) => one.getBoundingClientRect());
      const frame = { right: innerWidth, bottom: innerHeight };
      return cards.filter((a, i) => {
        const covered = cards
          .slice(i + 1, i + 40)
          .some(
            (b) =>
              a.left < b.right - 0.5 &&
              b.left < a.right - 0.5 &&
              a.top < b.bottom - 0.5 &&
              b.top < a.bottom - 0.5,
          );
        return covered || a.left < 0 || a.top < 0 || a.right > frame.right || a.bottom > frame.bottom;
      }).length;
    });
    expect(over).toBe(0);
    expect(complaints).toEqual([]);
    await context.close();
  });

  it('lets larger cards of 450 winners pass, at the same place after a reload', async () => {
    const rows = 20;
    const since = STOOD_MS + ALL_MS + REST_MS + rows * ROW_MS;
    const draws = [make.revealed({ winners: make.seats(450), revealed_at: make.NOW - since })];
    let begun = Date.now();
    const { context, page, complaints } = await hall({ scene: { name: 'draw', draw: 1 }, draws });
    const list = page.locator('.winners ul[data-part="pass"]');
    /** How many rows have gone out of sight above. */
    const passed = (): Promise<number> =>
      list.evaluate((one) => {
        const card = one.querySelector('li')?.getBoundingClientRect().height ?? 1;
        return -new DOMMatrix(getComputedStyle(one).transform).m42 / card;
      });
    /** No card is taken for more than a row and its gap; the page took its time. */
    const check = async (): Promise<number> => {
      await list.locator('li').first().waitFor();
      const at = await passed();
      expect(at).toBeGreaterThan(rows);
      expect(at).toBeLessThan((rows + 1 + (Date.now() - begun) / ROW_MS) * 1.15);
      return at;
    };
    const first = await check();
    await vi.waitFor(async () => expect(await passed()).toBeGreaterThan(first), { timeout: 20_000 });
    begun = Date.now();
    await page.reload();
    await check();
    const seen = await page.evaluate(
      () =>
        [...document.querySelectorAll('.winners li')].filter((one) => {
          const { top, bottom } = one.getBoundingClientRect();
          return top >= 0 && bottom <= innerHeight;
        }).length,
    );
    expect(seen).toBeGreaterThanOrEqual(80);
    expect(complaints).toEqual([]);
    await context.close();
  });

  it.each(['sphere', 'slot'] as const)(
    'stands still for whoever wants nothing to move: %s',
    async (style) => {
      const context = await browser.newContext({ viewport: HALL, reducedMotion: 'reduce' });
      const page = await context.newPage();
      await page.addInitScript(() => localStorage.setItem('kaijiang.screen.gala', 'paired'));
      await make.mock(page, make.snapshot({ draws: [closed], show: look({ style }) }), {});
      await page.goto(`${home}/screen/gala`);
      await stage(page, 'moving');
      // The names arrive; from then on every picture is the same.
      await vi.waitFor(
        async () => {
          const [a, b, c] = [await picture(page), await picture(page), await picture(page)];
          expect(new Set([a, b, c]).size).toBe(1);
        },
        { timeout: 20_000 },
      );
      // The names stand there while the draw is told, and make room for the winners.
      const revealed = make.revealed({ winners: make.seats(3), revealed_at: make.NOW + 3_000 });
      const told = { draws: [revealed], show: look({ style }) };
      await make.mock(page, make.snapshot({ scene: { name: 'draw', draw: 1 }, ...told }), {});
      await page.reload();
      await page.getByText('正在揭晓').waitFor();
      await stage(page, 'moving');
      await page.getByText('恭喜中奖').waitFor();
      await stage(page, 'resting');
      await context.close();
    },
  );

  it('tells the same story without WebGL', async () => {
    const plain = await launch(NO_WEBGL);
    const draws = [make.revealed({ winners: make.seats(3), revealed_at: make.NOW })];
    const { page, complaints } = await hall({ scene: { name: 'draw', draw: 1 }, draws }, '', plain);
    await page.getByText('正在揭晓').waitFor();
    await stage(page, 'low');
    await changed(page, await picture(page));
    await page.getByText('恭喜中奖').waitFor();
    await page.locator('.winners ul:not(.hidden)').waitFor();
    expect(complaints.filter((text) => !text.includes('WebGL'))).toEqual([]);
    await plain.close();
  });

  it('follows the host of a real meeting, with the names of its pool', async () => {
    const demo = await Demo.start();
    try {
      const { code } = await demo.call<Wire['Pairing']>('host', 'POST /pairing');
      const { context, page, complaints } = await open(browser, HALL, demo.at.base);
      await page.goto(demo.at.pages.screen);
      await page.getByLabel('配对码').fill(code);
      const names = page.waitForResponse((answer) => answer.url().endsWith('/wall'));
      await page.getByRole('button', { name: '连接' }).click();
      const wall = (await (await names).json()) as Wire['Wall'];
      const rounds = await demo.call<Wire['RoundView'][]>('host', 'GET /rounds');
      await demo.call('host', 'POST /scene', { name: 'ready', round_id: rounds[0]?.id });
      await stage(page, 'moving');
      await demo.call('host', 'POST /show', look({ theme: 'jade', logo: '开奖集团', music: 'festive' }));
      await page.getByText('开奖集团').waitFor();
      await page.getByText('点一下，打开音乐').click();
      await page.getByRole('button', { pressed: true }).waitFor();
      expect(new Set(wall.people.map(({ no }) => no)).size).toBe(wall.people.length);
      expect(complaints).toEqual([]);
      await context.close();
    } finally {
      await demo.stop();
    }
  });
});

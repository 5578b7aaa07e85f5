import type { Server } from 'node:http';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { HALL, launch, open } from '../e2e/browser';
import * as make from '../e2e/fixtures';
import { serveBuild } from '../e2e/static';

/**
 * Frames per second of the hall's screen: those that the stage draws, in its own worker, and those of the page, with its
 * longest tasks. After `make web`. KAIJIANG_GRAPHICS gives Chromium other flags; KAIJIANG_PEER is the address of a served
 * log-lottery, which is measured in the same run.
 */
let browser: Browser;
let home: string;
let server: Server;

beforeAll(async () => {
  ({ home, server } = await serveBuild());
  browser = await launch(process.env.KAIJIANG_GRAPHICS?.split(' '));
});

afterAll(async () => {
  await browser.close();
  server.close();
});

const pool = { n: 10_000, tickets: 10_000, eligible: 10_000, max: 1, root: 'aa' };
const waiting = { draws: [make.draw({ state: 'closed', values: make.revealed().values, pool })] };
/** The result is logged so long after the page was opened: the names are there by then. */
const revealing = (winners: number, after: number) => ({
  scene: { name: 'draw', draw: 1 },
  draws: [make.revealed({ winners: make.seats(winners), revealed_at: make.NOW + after, pool })],
});

/** Runs in the worker of the stage, which asks for a next frame as long as it draws. */
function drawnFrames([wait, length]: readonly [number, number]): Promise<number> {
  return new Promise((done) => {
    let frames = 0;
    const ask = self.requestAnimationFrame.bind(self);
    self.requestAnimationFrame = (run) =>
      ask((at) => {
        frames += 1;
        run(at);
      });
    setTimeout(() => {
      const before = frames;
      const begun = performance.now();
      setTimeout(
        () => done(Math.round(((frames - before) * 10_000) / (performance.now() - begun)) / 10),
        length,
      );
    }, wait);
  });
}

/** Frames of the page, and its longest task, for `length` ms after `wait` ms. */
function pageFrames([wait, length]: readonly [number, number]): Promise<{ page: number; longest: number }> {
  return new Promise((done) => {
    let frames = 0;
    let longest = 0;
    const watch = new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) longest = Math.max(longest, Math.round(duration));
    });
    setTimeout(() => {
      watch.observe({ type: 'longtask' });
      const begun = performance.now();
      const next = (): void => {
        frames += 1;
        const gone = performance.now() - begun;
        if (gone < length) requestAnimationFrame(next);
        else done({ page: Math.round((frames * 10_000) / gone) / 10, longest });
      };
      requestAnimationFrame(next);
    }, wait);
  });
}

async function count(over: object, people: number, from: number, ms: number) {
  const { context, page } = await open(browser, HALL, home);
  await page.addInitScript(() => localStorage.setItem('kaijiang.screen.gala', 'paired'));
  const counts = { invited: people, bound: people, present: people, viewers: 1 };
  await make.mock(page, make.snapshot({ counts, ...over }), {});
  await page.goto(`${home}/screen/gala`);
  await page.locator('[data-stage="moving"]').waitFor({ state: 'attached' });
  const [stage] = page.workers();
  if (stage === undefined) throw new Error('the stage is not drawn beside the page');
  const drawn = stage.evaluate(drawnFrames, [from, ms] as const);
  const measured = await page.evaluate(pageFrames, [from, ms] as const);
  const fps = await drawn;
  await context.close();
  return { ...measured, fps };
}

it.runIf(process.env.KAIJIANG_PEER)('the peer, 120 people', async () => {
  const { context, page } = await open(browser, HALL, home);
  await page.goto(process.env.KAIJIANG_PEER ?? '');
  await page.getByRole('button', { name: /Use Default Data|使用默认数据/ }).click();
  const say = async (name: string, wait: number, ms: number): Promise<void> => {
    const measured = await page.evaluate(pageFrames, [wait, ms] as const);
    process.stdout.write(`${JSON.stringify({ name: `peer: ${name}`, ...measured })}\n`);
    expect(measured.page).toBeGreaterThan(0);
  };
  await say('wall', 2_500, 4_000);
  await page.keyboard.press('Space');
  await say('waiting', 3_500, 3_000);
  await page.keyboard.press('Space');
  await say('spinning', 1_500, 4_000);
  await page.keyboard.press('Space');
  await say('winners come forward', 0, 3_000);
  await context.close();
});

it.each([
  ['waiting, 1,000 people', waiting, 1_000, 3_000, 4_000],
  ['spinning, 1,000 people', revealing(3, 4_000), 1_000, 4_600, 2_600],
  ['waiting, 10,000 people', waiting, 10_000, 6_000, 4_000],
  ['spinning, 10,000 people', revealing(3, 7_000), 10_000, 7_600, 2_600],
  ['5 winners of 1,000 come forward', revealing(5, 3_000), 1_000, 6_400, 3_000],
  ['100 winners of 1,000 come forward', revealing(100, 3_000), 1_000, 6_400, 3_000],
  ['450 winners of 10,000 come forward', revealing(450, 6_000), 10_000, 9_400, 3_000],
] as const)('%s', async (name, over, people, from, ms) => {
  const { fps, page, longest } = await count(over, people, from, ms);
  process.stdout.write(`${JSON.stringify({ name, fps, page, longest })}\n`);
  expect(fps).toBeGreaterThan(0);
});

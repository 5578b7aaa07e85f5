import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { join } from 'node:path';
import pixelmatch from 'pixelmatch';
import type { Browser, Page } from 'playwright-core';
import { PNG } from 'pngjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HALL, launch } from './browser';
import { seriousFindings } from './findings';
import * as make from './fixtures';
import { serveBuild } from './static';

/** What somebody has looked at and found right. `make approve` takes them anew: look at each before it is committed. */
const APPROVED = join(import.meta.dirname, 'approved');
const SHOTS = join(import.meta.dirname, '../../test-results');
const TAKING = process.env.KAIJIANG_APPROVE === '1';
/** How far a pixel's colour may be off (of 1), and how many of all pixels: letters differ a little between machines. */
const COLOUR = 0.2;
const SHARE = 0.01;
/** Half of the hall's size: layout is looked at, not single pixels. */
const SCALE = 0.5;

/** What moves, or says where and when the test runs; the stage behind is drawn by WebGL, in software or not. */
const RESTLESS = 'canvas, header time, .scan .code, .scan .address, .phase.counting';

const won = (count: number): Partial<ReturnType<typeof make.snapshot>> => ({
  scene: { name: 'draw', draw: 1 },
  draws: [
    make.revealed({
      winners: make.seats(count),
      prize: count > 20 ? '阳光普照奖' : '一等奖',
      revealed_at: make.NOW - 60_000,
    }),
  ],
});
const mixed = make.revealed({
  winners: [1, 2, 3, 4, 5].map((rank) =>
    make.seat(rank, rank === 2 ? { status: 'absent' } : { status: 'present', packet: 'received' }),
  ),
});

const paid = make
  .seats(100)
  .map((seat) => ({ ...seat, status: 'present' as const, packet: 'received' as const }));

/** The still scenes, and a text that must be there. */
const SCENES: [string, Partial<ReturnType<typeof make.snapshot>>, string][] = [
  ['lobby', {}, '微信扫码签到'],
  ['ready', { scene: { name: 'ready', round_id: 'r1' } }, '即将开奖'],
  ['commit', { draws: [make.draw({ randomness_at: make.NOW + 3_600_000 })] }, '请拍下此码'],
  ['taps', { draws: [make.draw({ taps: 214 })] }, '打开手机'],
  ['winners-1', won(1), '共 1 位'],
  ['winners-5', won(5), '共 5 位'],
  ['winners-20', won(20), '共 20 位'],
  ['winners-100', won(100), '共 100 位'],
  [
    'winners-100-paid',
    {
      scene: { name: 'draw', draw: 1 },
      draws: [make.revealed({ winners: paid, revealed_at: make.NOW - 60_000 })],
    },
    '共 100 位',
  ],
  ['paid', { scene: { name: 'draw', draw: 1 }, draws: [mixed] }, '缺席'],
  [
    'closing',
    {
      scene: { name: 'summary' },
      draws: [mixed, ...(won(60).draws ?? []).map((one) => ({ ...one, draw: 2 }))],
    },
    '中奖名单',
  ],
  ['pause', { scene: { name: 'pause', text: '晚宴时间，21:00 继续抽取特等奖' } }, '晚宴时间'],
];

/** The page with all animations at their end and without what is restless. */
async function still(page: Page): Promise<Buffer> {
  await page.evaluate(async (restless) => {
    for (const one of document.querySelectorAll<HTMLElement>(restless)) one.style.visibility = 'hidden';
    await document.fonts.ready;
    await Promise.allSettled(document.getAnimations().map((one) => one.finished));
  }, RESTLESS);
  return page.screenshot({ animations: 'disabled' });
}

/** How many pixels differ, of all; the pictures of a scene that differs lie in test-results. */
function difference(name: string, now: Buffer): number {
  const file = join(APPROVED, `${name}.png`);
  expect(existsSync(file), `${file} is missing: run make approve and look at it`).toBe(true);
  const [before, after] = [PNG.sync.read(readFileSync(file)), PNG.sync.read(now)];
  const { width, height } = before;
  expect([after.width, after.height], name).toEqual([width, height]);
  const seen = new PNG({ width, height });
  const wrong = pixelmatch(before.data, after.data, seen.data, width, height, { threshold: COLOUR });
  const share = wrong / (width * height);
  if (share > SHARE) {
    writeFileSync(join(SHOTS, `approved-${name}-now.png`), now);
    writeFileSync(join(SHOTS, `approved-${name}-difference.png`), PNG.sync.write(seen));
  }
  return share;
}

describe('the scenes of the hall screen as approved', () => {
  let browser: Browser;
  let server: Server;
  let home: string;

  beforeAll(async () => {
    for (const folder of [SHOTS, APPROVED]) mkdirSync(folder, { recursive: true });
    ({ home, server } = await serveBuild());
    browser = await launch();
  });

  afterAll(async () => {
    await browser.close();
    server.close();
  });

  it.each(SCENES)('%s', async (name, over, text) => {
    const context = await browser.newContext({
      viewport: HALL,
      deviceScaleFactor: SCALE,
      reducedMotion: 'reduce',
      locale: 'zh-CN',
      timezoneId: 'Asia/Shanghai',
    });
    const page = await context.newPage();
    await page.addInitScript(() => localStorage.setItem('kaijiang.screen.gala', 'paired'));
    await make.mock(page, make.snapshot(over), {});
    await page.goto(`${home}/screen/${make.MEETING}`);
    await page.getByText(text).first().waitFor();
    const picture = await still(page);
    if (TAKING) writeFileSync(join(APPROVED, `${name}.png`), picture);
    expect(difference(name, picture), `${name}: see test-results/approved-${name}-*.png`).toBeLessThan(SHARE);
    expect(await seriousFindings(page), name).toEqual([]);
    await context.close();
  });
});

import { mkdirSync } from 'node:fs';
import type { Server } from 'node:http';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HALL, launch, open } from './browser';
import * as make from './fixtures';
import { serveBuild } from './static';

const SHOTS = join(import.meta.dirname, '../../test-results');
const BAND = { width: 3840, height: 1080 };
const SIZES = [
  ['hall', HALL],
  ['band', BAND],
] as const;

/** Names that stick out of their card, and whatever makes the page scroll. */
function cut(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const out: string[] = [];
    for (const text of document.querySelectorAll('.fit > span')) {
      const card = text.closest('li, section')?.getBoundingClientRect();
      const range = document.createRange();
      range.selectNodeContents(text);
      const box = range.getBoundingClientRect();
      if (!card || box.left < card.left || box.right > card.right) out.push(`wide: ${text.textContent}`);
      else if (box.top < card.top - 1 || box.bottom > card.bottom + 1) out.push(`high: ${text.textContent}`);
    }
    for (const part of document.querySelectorAll('main, main > section')) {
      if (part.scrollHeight > part.clientHeight + 2 || part.scrollWidth > part.clientWidth + 2)
        out.push(`overflows: ${part.className || part.tagName} ${part.scrollHeight}/${part.clientHeight}`);
    }
    return out;
  });
}

const aside = [
  make.seat(1, { status: 'present', packet: 'sent' }),
  make.seat(2, { status: 'absent', replaced_by: 2 }),
  make.seat(3, { status: 'present', packet: 'received' }),
  make.seat(4, { status: 'present', packet: 'sending' }),
  make.seat(5, { status: 'declined' }),
];
const redraw = make.revealed({
  draw: 2,
  kind: 'redraw',
  parent: 1,
  winners: [make.seat(2, make.person(41))],
});
const open1 = make.draw({ randomness_at: make.NOW + 60_000 });

/** Every scene as the snapshot that leads to it, and a text that must be there. */
const SCENES: [string, Partial<ReturnType<typeof make.snapshot>>, string][] = [
  ['lobby', {}, '微信扫码签到'],
  [
    'lobby-empty',
    { recent: [], counts: { invited: 320, bound: 0, present: 0, viewers: 1 } },
    '等待第一位签到',
  ],
  ['ready', { scene: { name: 'ready', round_id: 'r1' } }, '即将开奖'],
  ['committed', { draws: [open1] }, '秒后才能定下随机数'],
  ['taps', { draws: [make.draw({ taps: 214 })] }, '打开手机'],
  [
    'dice',
    { draws: [make.draw({ state: 'closed', values: make.revealed().values, level: 'A2' })] },
    '随机数已齐',
  ],
  ...[1, 2, 3, 5, 8, 20, 50, 100, 230].map((count): (typeof SCENES)[number] => [
    `winners-${count}`,
    {
      scene: { name: 'draw', draw: 1 },
      draws: [make.revealed({ winners: make.seats(count), prize: count > 20 ? '阳光普照奖' : '一等奖' })],
    },
    `共 ${count} 位`,
  ]),
  [
    'winners-weak',
    {
      scene: { name: 'draw', draw: 1 },
      draws: [
        make.revealed({
          winners: make.seats(3, { weight: 4 }),
          level: 'A1',
          prize: '感谢全体同事一路同行的年度特别大奖',
        }),
      ],
    },
    '主办方可能影响结果',
  ],
  [
    'winners-seats',
    { scene: { name: 'draw', draw: 1 }, draws: [make.revealed({ winners: aside }), redraw] },
    '缺席',
  ],
  [
    'redraw',
    { scene: { name: 'draw', draw: 2 }, draws: [make.revealed({ winners: aside }), redraw] },
    '补抽结果',
  ],
  [
    'summary',
    {
      scene: { name: 'summary' },
      draws: [
        make.revealed({ winners: aside }),
        redraw,
        make.revealed({
          draw: 3,
          prize: '阳光普照奖',
          goods: '定制保温杯',
          winners: make.seats(60, { amount_fen: 0 }),
        }),
      ],
    },
    '中奖名单',
  ],
  ['pause', { scene: { name: 'pause', text: '晚宴时间，21:00 继续抽取特等奖' } }, '晚宴时间'],
  ['rehearsal', { meeting: make.meeting({ rehearsal: true }) }, '彩排'],
  [
    'void',
    {
      scene: { name: 'draw', draw: 1 },
      draws: [make.draw({ state: 'void', void_reason: '奖项选错，重新抽取' })],
    },
    '作废',
  ],
];

describe('/screen', () => {
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

  async function paired(size: { width: number; height: number }, first = make.snapshot()) {
    const watched = await open(browser, size, home);
    await watched.page.addInitScript(() => localStorage.setItem('kaijiang.screen.gala', 'paired'));
    const far = await make.mock(watched.page, first, {});
    await watched.page.goto(`${home}/screen/${make.MEETING}`);
    return { ...watched, far };
  }

  describe.each(SIZES)('on %s', (label, size) => {
    it.each(SCENES)('shows %s, nothing cut', async (name, over, text) => {
      const { context, page, complaints } = await paired(size, make.snapshot(over));
      await page.getByText(text).first().waitFor();
      await page.evaluate(() => Promise.all(document.getAnimations().map((one) => one.finished)));
      await page.screenshot({ path: join(SHOTS, `screen-${name}-${label}.png`) });
      expect(await cut(page)).toEqual([]);
      expect(complaints).toEqual([]);
      await context.close();
    });
  });

  it('pairs by the code, then shows the lobby', async () => {
    const { context, page, complaints } = await open(browser, HALL, home);
    let tried = 0;
    await make.mock(page, make.snapshot(), {
      [`POST /api/meetings/${make.MEETING}/screens`]: (body) => {
        tried += 1;
        return (body as { code: string }).code === '12345678'
          ? { body: { ticket: 't' } }
          : make.problem(400, 'pairing', '配对码不对或已过期，请在控制台重新获取。');
      },
    });
    await page.goto(`${home}/screen/${make.MEETING}`);
    // The field is ready: nobody has a mouse at a projector.
    await page.getByLabel('配对码').waitFor();
    await page.keyboard.type('00000000');
    await page.getByRole('button', { name: '连接' }).click();
    await page.getByText('配对码不对').waitFor();
    await page.screenshot({ path: join(SHOTS, 'screen-pair.png') });
    await page.getByLabel('配对码').fill('1234 5678');
    await page.getByRole('button', { name: '连接' }).click();
    await page.getByText('微信扫码签到').waitFor();
    expect(tried).toBe(2);
    expect(complaints.filter((text) => !text.includes('status of 400'))).toEqual([]);
    await context.close();
  });

  it('follows a draw from the lobby to its winners, also after a reload', async () => {
    const { context, page, far } = await paired(HALL);
    await page.getByText('微信扫码签到').waitFor();
    const tell = (one: unknown): void =>
      far.send('draw', { draw: one, log: make.checkpoint(2), code: 'AAAA-BBBB-CCCC-DDDD-EEEE-FFFF' });
    tell(open1);
    await page.getByText('秒后才能定下随机数').waitFor();
    tell(make.draw());
    await page.getByText('正在产生随机数').waitFor();
    far.pass('taps', { draw: 1, m: 77 });
    await page.getByText('77').waitFor();
    tell(make.revealed({ winners: make.seats(3), revealed_at: make.NOW }));
    await page.getByText('正在揭晓').waitFor();
    await page.screenshot({ path: join(SHOTS, 'screen-drawing-hall.png') });
    await page.getByText('恭喜中奖').waitFor();
    await page.getByText('AAAA').waitFor();
    far.send('seats', {
      draw: 1,
      state: 'revealed',
      seats: [make.seat(2, { status: 'absent' })],
      log: make.checkpoint(3),
      code: 'AAAA-BBBB-CCCC-DDDD-EEEE-GGGG',
    });
    await page.getByText('缺席').waitFor();
    await make.mock(page, make.snapshot({ draws: [make.revealed({ winners: make.seats(3) })] }), {});
    await page.reload();
    await page.getByText('恭喜中奖').waitFor();
    await context.close();
  });

  it('marks a lost connection and goes on showing what it knows', async () => {
    const { context, page, far } = await paired(HALL);
    await page.getByText('微信扫码签到').waitFor();
    await far.drop();
    await page.getByText('重新连接中').waitFor();
    await page.screenshot({ path: join(SHOTS, 'screen-reconnect-hall.png') });
    expect(await page.getByText('微信扫码签到').isVisible()).toBe(true);
    await context.close();
  });
});

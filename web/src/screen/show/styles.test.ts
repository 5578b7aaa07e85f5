import { describe, expect, it } from 'vitest';
import { roughWidth } from '../layout';
import { fitName, lay, NAME_EMS, pack } from './atlas';
import { confetti, fly } from './finale';
import { globeShape, globeStart } from './globe';
import { type Beat, FLY_MS, SPIN_MS } from './motion';
import type { Box } from './names';
import { colorOf, mixed, Quads } from './quads';
import {
  cardAt,
  cardGrid,
  cards,
  reelAt,
  reels,
  rowSeats,
  type Scene,
  scroll,
  slot,
  startOf,
  winningCards,
} from './styles';

const SINCE = Date.UTC(2026, 10, 26, 12, 0, 0);
const at = (ms: number): Beat => ({ pace: 'reveal', now: SINCE + ms, since: SINCE });
const BOX: Box = [0, 0, 60, 30];
const colors = { ink: 1, accent: 2, accentInk: 3, chip: 4, panel: 5, soft: 6 };

function scene(over: Partial<Scene> = {}): Scene {
  const names = Array.from({ length: 50 }, (): Box => BOX);
  return { beat: at(0), aspect: 2.4, names, winners: 5, k: 5, hero: () => BOX, seed: 77, colors, ...over };
}

function drawn(draw: (quads: Quads, scene: Scene) => void, one: Scene): number[] {
  const quads = new Quads(2_400);
  draw(quads, one);
  return [quads.count, ...quads.floats.slice(0, quads.count * 36)];
}

describe.each([
  ['scroll', scroll],
  ['slot', slot],
  ['cards', cards],
] as const)('the style %s', (name, draw) => {
  it.each([0, 700, 2_400, SPIN_MS - 1, SPIN_MS + 600])(
    'is the same picture for the same moment: %i ms',
    (ms) => {
      expect(drawn(draw, scene({ beat: at(ms) }))).toEqual(drawn(draw, scene({ beat: at(ms) })));
    },
  );

  it('moves while it waits, and stays within what a frame can hold on the widest screen', () => {
    const wait = (now: number): Scene =>
      scene({ aspect: 5, beat: { pace: 'wait', now, since: 0 }, winners: 0 });
    expect(drawn(draw, wait(SINCE))).not.toEqual(drawn(draw, wait(SINCE + 300)));
    expect(drawn(draw, wait(SINCE))[0]).toBeLessThan(1_200);
  });

  it('lets every winner start from a place on the stage', () => {
    for (const k of [1, 3, 5, 20, 450]) {
      const one = scene({ winners: k, k, beat: at(SPIN_MS) });
      for (let i = 0; i < k; i++) {
        const { x, y, em } = startOf(name, i, one);
        expect(Math.abs(x)).toBeLessThanOrEqual(one.aspect + 0.5);
        expect(Math.abs(y)).toBeLessThanOrEqual(1);
        expect(em).toBeGreaterThan(0);
      }
    }
  });

  it('shows something without names too', () => {
    expect(drawn(draw, scene({ names: [], winners: 0 }))[0]).toBeGreaterThan(0);
  });
});

describe('rows, reels and cards', () => {
  it('seats each winner in a cell of its own near the middle', () => {
    const seats = rowSeats(30, 2.4, at(0));
    expect(new Set(seats.map(({ row, cell }) => `${row}:${cell}`)).size).toBe(seats.length);
  });

  it('stops the reels one after another, each on a whole row, before winners come forward', () => {
    expect([reels(1), reels(3), reels(5), reels(6), reels(450)]).toEqual([1, 3, 5, 5, 5]);
    const stopped = [0, 1, 2, 3, 4].map((i) => {
      let ms = 0;
      while (reelAt(i, 5, at(ms)).at !== reelAt(i, 5, at(ms)).end) ms += 10;
      return ms;
    });
    expect(stopped).toEqual([...stopped].sort((a, b) => a - b));
    expect(stopped[4]).toBeLessThan(SPIN_MS);
    expect(reelAt(2, 5, at(0)).at).toBeCloseTo(reelAt(2, 5, { pace: 'wait', now: SINCE, since: 0 }).at, 6);
  });

  it('turns all cards down, then up those of the winners', () => {
    const { columns, rows } = cardGrid(2.4);
    const winning = winningCards(5, columns * rows, 77);
    expect(new Set(winning).size).toBe(5);
    for (let card = 0; card < columns * rows; card++) {
      const wins = winning.includes(card);
      expect(cardAt(card, at(SPIN_MS), wins)).toMatchObject(wins ? { back: 0, face: -1 } : { back: 1 });
    }
  });
});

describe('the finale', () => {
  it('brings each winner to the place of the card', () => {
    const targets = Array.from({ length: 450 }, (_, i) => ({
      x: i / 200 - 1,
      y: i / 500,
      width: 0.1,
      height: 0.05,
    }));
    const quads = new Quads(2_400);
    const one = scene({ winners: 450, k: 450, beat: at(SPIN_MS + FLY_MS) });
    fly(quads, one, targets, () => ({ x: 0, y: 0, em: 0.05, width: 0.2 }), { plate: 1, name: 2 });
    expect(quads.count).toBe(900);
    targets.forEach(({ x, y, width, height }, i) => {
      const corner = i * 2 * 36;
      expect(quads.floats[corner]).toBeCloseTo(x - width / 2, 5);
      expect(quads.floats[corner + 1]).toBeCloseTo(y + height / 2, 5);
    });
  });

  it('throws paper after the winners stand, for a while', () => {
    const count = (ms: number): number =>
      drawn((quads, one) => confetti(quads, one, [1]), scene({ beat: at(ms) }))[0] ?? 0;
    expect(count(SPIN_MS)).toBe(0);
    expect(count(SPIN_MS + FLY_MS + 2_000)).toBeGreaterThan(20);
    expect(count(SPIN_MS + FLY_MS + 20_000)).toBe(0);
  });

  it('knows where the globe shows a name, and takes the middle for one that it does not have', () => {
    const shape = globeShape(300);
    for (let i = 0; i < 300; i++) {
      const { x, y } = globeStart(i, 300, 1.3, shape, 2.4);
      expect(Math.hypot(x, y)).toBeLessThan(1.1);
    }
    expect(globeStart(-1, 300, 1.3, shape, 2.4)).toMatchObject({ x: 0, y: 0 });
    expect(globeShape(0).count).toBeGreaterThan(100);
    expect(globeShape(7).count % 7).toBe(0);
    expect(globeShape(10_000).count).toBe(10_000);
  });
});

describe('names in the texture', () => {
  it('are packed in rows, none over another, none outside', () => {
    const places = pack([30, 50, 40, 10, 90], 20, 100);
    expect(places).toEqual([
      { x: 0, y: 0 },
      { x: 32, y: 0 },
      { x: 0, y: 22 },
      { x: 42, y: 22 },
      { x: 0, y: 44 },
    ]);
  });

  it('lose no letter, from 1 to 30 characters', () => {
    for (const name of [
      '李',
      '欧阳娜娜',
      '阿卜杜勒·热合曼·买买提江·伊敏·库尔班江·艾力',
      '很'.repeat(30),
      'W'.repeat(30),
    ]) {
      const fitted = fitName(name, 40, roughWidth);
      expect(fitted.lines.join('')).toBe(name);
      for (const line of fitted.lines)
        expect(roughWidth(line) * fitted.size).toBeLessThanOrEqual(40 * NAME_EMS + 0.01);
      const [piece] = lay([fitted], 40, 4_096, roughWidth);
      expect(piece?.width).toBeLessThanOrEqual(40 * NAME_EMS + 5);
    }
  });

  it('have colours as the renderer reads them', () => {
    expect(colorOf('#f6c65b')).toBe(0x5bc6f6);
    expect(mixed(0x000000, 0xffffff, 0.5)).toBe(0x808080);
  });
});

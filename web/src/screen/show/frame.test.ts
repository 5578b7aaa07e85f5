import { describe, expect, it } from 'vitest';
import { colorsOf } from './colors';
import type { Card, Setting } from './engine';
import { compose } from './frame';
import { viewOf } from './gl';
import { type Beat, FLY_MS, SPIN_MS } from './motion';
import type { Box } from './names';
import { Quads } from './quads';
import { GROW_MS } from './regions';

const SIZE = { width: 1920, height: 1080, ratio: 1, font: 'sans-serif' };
const BOX: Box = [0, 0, 60, 27];
/** A row of cards over the whole width, and one at the foot. */
const CARDS: Card[] = [40, 420, 800, 1180, 1560].map((x) => ({ x, y: 300, width: 320, height: 460 }));

function shot(style: Setting['style'], ms: number, more: Partial<Setting> = {}) {
  const people = Array.from({ length: 300 }, (_, i) => ({ no: i + 1, name: `${i}` }));
  const winners = people.slice(0, CARDS.length);
  const setting: Setting = {
    theme: 'red',
    style,
    pace: 'reveal',
    since: 5_000,
    people,
    winners,
    k: winners.length,
    seed: 7,
    cards: CARDS,
    still: false,
    ...more,
  };
  const beat: Beat = { pace: 'reveal', since: 5_000, now: 5_000 + ms };
  const quads = new Quads(2_400);
  const places = new Map(people.map(({ no }, i) => [no, i]));
  const material = {
    setting,
    size: SIZE,
    names: people.map(() => BOX),
    places,
    heroes: winners.map(() => BOX),
    colors: colorsOf('red'),
  };
  return { quads, picture: compose(quads, material, beat) };
}

describe('a frame in the dark', () => {
  it.each(['sphere', 'scroll', 'slot', 'cards'] as const)(
    'draws nothing beside the part in the light: %s',
    (style) => {
      for (let ms = GROW_MS; ms < SPIN_MS + FLY_MS; ms += 50) {
        const { quads, picture } = shot(style, ms);
        const { light, spot, region } = picture;
        expect(light).toBe(0);
        if (quads.count === 0) continue;
        const aspect = SIZE.width / SIZE.height;
        const [x, y, scale] = viewOf(region, aspect);
        const seen = (at: number): number => Math.min(1, Math.max(0, at));
        const corners = Array.from({ length: quads.count * 4 }, (_, i) => i * 9);
        const across = corners.map((i) => seen((((quads.floats[i] ?? 0) * scale + x) / aspect + 1) / 2));
        const down = corners.map((i) => seen((1 - ((quads.floats[i + 1] ?? 0) * scale + y)) / 2));
        const { x: left, y: top, width, height } = spot ?? { x: 1, y: 1, width: 0, height: 0 };
        expect(Math.min(...across)).toBeGreaterThanOrEqual(left - 0.002);
        expect(Math.max(...across)).toBeLessThanOrEqual(left + width + 0.002);
        expect(Math.min(...down)).toBeGreaterThanOrEqual(top - 0.002);
        expect(Math.max(...down)).toBeLessThanOrEqual(top + height + 0.002);
      }
    },
  );

  it('is no longer dark when the winners stand, and never where nothing moves', () => {
    expect(shot('sphere', SPIN_MS + FLY_MS + 1).picture).toMatchObject({ spot: null });
    expect(shot('sphere', SPIN_MS + FLY_MS + 1_000).picture).toMatchObject({ light: 1, spot: null });
    expect(shot('sphere', GROW_MS + 100, { still: true }).picture).toMatchObject({ light: 1, spot: null });
  });
});

import { describe, expect, it } from 'vitest';
import { hull, lightAt } from './lights';
import { type Beat, FLY_MS, SPIN_MS } from './motion';
import { GROW_MS } from './regions';

const at = (ms: number): Beat => ({ pace: 'reveal', since: 1_000, now: 1_000 + ms });

describe('the lights', () => {
  it('are down while names spin and winners come forward, and on otherwise', () => {
    expect(lightAt({ ...at(2_000), pace: 'wait' })).toBe(1);
    expect(lightAt(at(0))).toBe(1);
    expect(lightAt(at(GROW_MS / 2))).toBeCloseTo(0.5);
    for (const ms of [GROW_MS, SPIN_MS, SPIN_MS + FLY_MS - 1]) expect(lightAt(at(ms))).toBe(0);
    expect(lightAt(at(SPIN_MS + FLY_MS + 2_000))).toBe(1);
  });

  it('leave the part in the light that holds all that is drawn', () => {
    expect(hull([])).toBeNull();
    const globe = { x: 0.3, y: 0.2, width: 0.4, height: 0.6 };
    expect(hull([globe])).toEqual({
      x: 0.3,
      y: 0.2,
      width: expect.closeTo(0.4),
      height: expect.closeTo(0.6),
    });
    const cards = [
      { x: -0.1, y: 0.5, width: 0.2, height: 0.1 },
      { x: 0.8, y: 0.9, width: 0.1, height: 0.05 },
    ];
    expect(hull([globe, ...cards])).toEqual({
      x: 0,
      y: 0.2,
      width: expect.closeTo(0.9),
      height: expect.closeTo(0.75),
    });
  });
});

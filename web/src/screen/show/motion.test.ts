import { describe, expect, it } from 'vitest';
import { type Beat, FLY_MS, flight, flightOf, globe, hash, rush, SPIN_MS, turn, way } from './motion';
import { regionAt } from './regions';

const SINCE = Date.UTC(2026, 10, 26, 12, 0, 0);
const at = (ms: number): Beat => ({ pace: 'reveal', now: SINCE + ms, since: SINCE });

describe('the story by the clock', () => {
  it('is the same whenever it is asked', () => {
    for (const ms of [0, 350, 1_000, 2_500, 3_599, 4_200, 90_000]) {
      expect(way(at(ms))).toBe(way(at(ms)));
      expect(regionAt(at(ms))).toEqual(regionAt(at(ms)));
    }
    expect(hash(7, -3)).toBe(hash(7, -3));
  });

  it('goes on from waiting without a jump, never back, and comes to a stop', () => {
    expect(way(at(0))).toBeCloseTo(way({ pace: 'wait', now: SINCE, since: 0 }), 9);
    let before = rush(-100);
    for (let ms = 0; ms <= SPIN_MS + 500; ms += 10) {
      const now = rush(ms);
      expect(now).toBeGreaterThanOrEqual(before);
      expect(now - before).toBeLessThan(0.026);
      before = now;
    }
    expect(rush(SPIN_MS + 10_000)).toBe(rush(SPIN_MS));
    expect(rush(SPIN_MS) - rush(SPIN_MS - 10)).toBeLessThan(0.001);
  });

  it('lets all winners stand when the flight is over, one after another', () => {
    expect([flight(at(SPIN_MS)), flight(at(SPIN_MS + FLY_MS)), flight(at(SPIN_MS + FLY_MS * 9))]).toEqual([
      0, 1, 1,
    ]);
    for (const n of [1, 2, 20, 450]) {
      for (let i = 0; i < n; i++) expect([flightOf(i, n, 0), flightOf(i, n, 1)]).toEqual([0, 1]);
      if (n > 1) expect(flightOf(n - 1, n, 0.5)).toBeLessThan(flightOf(0, n, 0.5));
    }
  });

  it('turns within one turn, however late the evening', () => {
    expect(turn(way(at(0)))).toBeLessThan(2 * Math.PI);
    expect(turn(way(at(0)))).toBeGreaterThanOrEqual(0);
  });

  it('gives the stage the side, then the whole width', () => {
    expect(regionAt({ ...at(0), pace: 'wait' }).x).toBeGreaterThan(0.4);
    expect(regionAt(at(0))).toEqual(regionAt({ ...at(0), pace: 'wait' }));
    expect(regionAt(at(SPIN_MS))).toMatchObject({ x: 0, width: 1 });
  });
});

describe('the globe', () => {
  it('has everybody on it, no two in one place', () => {
    const places = Array.from({ length: 1_000 }, (_, i) => globe(i, 1_000));
    for (const [x, y, z] of places) expect(Math.hypot(x, y, z)).toBeCloseTo(1, 9);
    let nearest = 2;
    places.forEach(([x, y, z], i) => {
      for (const [u, v, w] of places.slice(i + 1))
        nearest = Math.min(nearest, Math.hypot(x - u, y - v, z - w));
    });
    expect(nearest).toBeGreaterThan(0.06);
  });
});

import { describe, expect, it } from 'vitest';
import { colorsOf } from './colors';
import { globePlace, globeShape, globeStart, rings } from './globe';
import type { Box } from './names';

describe('a globe of many people', () => {
  it.each([1, 7, 1_500, 2_500])('has all of %d places in rings, apart from one another', (count) => {
    const places = rings(count, 8);
    expect(places.length).toBe(count);
    for (const [x, y, z] of places) expect(Math.hypot(x, y, z)).toBeCloseTo(1, 9);
    // As far as a place is high, so that no row covers another.
    const high = Math.sqrt((4 * Math.PI) / count / 8);
    let nearest = 2;
    places.forEach(([x, y, z], i) => {
      for (const [u, v, w] of places.slice(i + 1))
        nearest = Math.min(nearest, Math.hypot(x - u, y - v, z - w));
    });
    expect(nearest).toBeGreaterThan(0.8 * high);
  });

  it('shows everybody once, neighbours of the texture side by side', () => {
    // Rows of 30 names in the texture, as they are packed.
    const names = Array.from(
      { length: 10_000 },
      (_, i): Box => [(i % 30) * 62, Math.floor(i / 30) * 18, 60, 16],
    );
    const { count, floats } = globePlace(names, colorsOf('red'));
    expect(count).toBeLessThan(2_800);
    const shown = new Set<number>();
    for (let quad = 0; quad < count; quad++) {
      const corner = (k: number, what: number): number => floats[(quad * 4 + k) * 9 + what] ?? 0;
      for (let x = corner(0, 4); x < corner(1, 4); x += 62) {
        const name = Math.round(x / 62) + 30 * Math.round(corner(0, 5) / 18);
        expect(shown.has(name)).toBe(false);
        shown.add(name);
      }
    }
    expect(shown.size).toBe(10_000);
  });

  it('lets winners come from where their names about are', () => {
    const shape = globeShape(10_000);
    const starts = Array.from({ length: 100 }, (_, i) => globeStart(i * 100, 10_000, 0.4, shape, 2.4));
    for (const { x, y } of starts) expect(Math.hypot(x / 1.1, y)).toBeLessThan(1.1);
    expect(new Set(starts.map(({ x, y }) => `${x.toFixed(3)},${y.toFixed(3)}`)).size).toBe(100);
  });
});

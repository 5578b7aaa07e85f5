import { describe, expect, it } from 'vitest';
import { seriesOf } from './series';

const at = (minute: number): number => minute * 60_000;

describe('bars of a chart', () => {
  it('fill the minutes in which nothing happened', () => {
    const {
      count,
      total,
      step,
      at: begins,
    } = seriesOf([
      { at: at(100), count: 3 },
      { at: at(103), count: 2 },
    ]);
    expect(step).toBe(1);
    expect(count).toEqual([3, 0, 0, 2]);
    expect(total).toEqual([3, 3, 3, 5]);
    expect(begins[0]).toBe(6000);
  });

  it('get wider when there would be too many, and lose nobody', () => {
    const minutes = Array.from({ length: 700 }, (_, i) => ({ at: at(17 + i * 3), count: 1 }));
    const { count, total, step } = seriesOf(minutes);
    expect(step).toBe(30);
    expect(count.length).toBeLessThanOrEqual(121);
    expect(total.at(-1)).toBe(700);
  });

  it('are none without anybody', () => {
    expect(seriesOf([]).at).toEqual([]);
  });
});

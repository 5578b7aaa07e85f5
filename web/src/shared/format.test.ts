import { describe, expect, it } from 'vitest';
import { formatDate, formatDateTime, formatFen, formatTime, parseYuan } from './format';

describe('money', () => {
  it('writes fen as yuan', () => {
    expect(formatFen(888)).toBe('¥8.88');
    expect(formatFen(0)).toBe('¥0.00');
    expect(formatFen(5)).toBe('¥0.05');
    expect(formatFen(-100)).toBe('-¥1.00');
    expect(formatFen(123_456_789)).toBe('¥1,234,567.89');
    expect(formatFen(100_000)).toBe('¥1,000.00');
    expect(formatFen(Number.MAX_SAFE_INTEGER)).toBe('¥90,071,992,547,409.91');
  });

  it('reads yuan exactly or not at all', () => {
    expect(parseYuan('8.88')).toBe(888);
    expect(parseYuan('200')).toBe(20000);
    expect(parseYuan(' ¥1,000.5 ')).toBe(100050);
    expect(parseYuan('0.07')).toBe(7);
    for (const bad of ['', '1.234', '-1', '1e3', 'NaN', '.5', '1.', '一元'])
      expect(parseYuan(bad)).toBeNull();
  });
});

describe('time', () => {
  it('is the time of day in China', () => {
    const ms = Date.UTC(2026, 10, 26, 16, 5, 9);
    expect(formatDateTime(ms)).toBe('2026-11-27 00:05');
    expect(formatTime(ms)).toBe('00:05:09');
    expect(formatDate(ms)).toBe('2026-11-27');
  });
});

import { describe, expect, it } from 'vitest';
import { qrRuns } from '../../shared/qr';
import { lines } from './poster';

/** Every letter is as wide as every other. */
const measure = (text: string): number => Array.from(text).length;

describe('the name on a poster', () => {
  it('breaks between letters of Chinese and between words of English', () => {
    expect(lines('星河集团二零二六年度盛典', 5, 3, measure)).toEqual(['星河集团二', '零二六年度', '盛典']);
    expect(lines('Annual Gala of Star River', 12, 3, measure)).toEqual(['Annual Gala', 'of Star', 'River']);
    expect(lines('年会', 5, 3, measure)).toEqual(['年会']);
    expect(lines('', 5, 3, measure)).toEqual([]);
  });

  it('never grows wider or longer than there is room', () => {
    for (const name of [
      'Donaudampfschifffahrtsgesellschaft',
      '年'.repeat(60),
      'a b '.repeat(40),
      '🎉'.repeat(30),
    ]) {
      const broken = lines(name, 8, 3, measure);
      expect(broken.length).toBeLessThanOrEqual(3);
      for (const line of broken) expect(measure(line), line).toBeLessThanOrEqual(8);
    }
    expect(lines('年'.repeat(60), 8, 3, measure)[2]).toBe(`${'年'.repeat(7)}…`);
  });
});

describe('runs of a QR code', () => {
  it('lie inside the quiet zone', () => {
    const { runs, size } = qrRuns('https://example.com/m/abcdefghij?ref=0123456789');
    expect(runs.length).toBeGreaterThan(100);
    for (const { x, y, length } of runs) {
      expect(Math.min(x, y)).toBeGreaterThanOrEqual(4);
      expect(Math.max(x + length, y + 1)).toBeLessThanOrEqual(size - 4);
    }
  });
});

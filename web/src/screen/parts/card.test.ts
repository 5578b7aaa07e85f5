import { describe, expect, it } from 'vitest';
import { winnersPlaces } from '../layout';
import { ALL_LINES, SMALL_LINE, STRIP, sizesOf } from './card';

const UNIT = 10.8;
const LINES = { full: 4, dense: 2, compact: 1, tiny: 1 } as const;

describe('a winner’s card', () => {
  it.each([
    [1, 'full'],
    [5, 'full'],
    [20, 'full'],
    [60, 'dense'],
    [100, 'compact'],
    [450, 'tiny'],
  ] as const)('of %i is %s, and what stands on it has room', (count, manner) => {
    const [place] = winnersPlaces(count, 1_770, 760, UNIT);
    if (place === undefined) expect.fail('no place');
    const sizes = sizesOf(place, { photo: false, unit: UNIT, lines: ALL_LINES });
    expect(sizes.manner).toBe(manner);
    // The hall reads nothing smaller; only a page of a hundred, or of hundreds, has less beside the names.
    if (manner === 'full' || manner === 'dense')
      expect(sizes.small).toBeGreaterThanOrEqual(2.2 * UNIT * 0.99);
    // The strip at the foot, of the payout, covers none of it.
    const words = sizes.name.height + sizes.small * SMALL_LINE * LINES[manner];
    expect(words + STRIP[manner] * UNIT).toBeLessThanOrEqual(place.height);
    expect(sizes.name.most).toBeGreaterThan(sizes.small);
  });

  it('has room for a photo too, above the words or beside them', () => {
    for (const count of [1, 2, 5, 15, 20]) {
      const [place] = winnersPlaces(count, 1_770, 760, UNIT);
      if (place === undefined) expect.fail('no place');
      const { photo, beside, name, small } = sizesOf(place, { photo: true, unit: UNIT, lines: ALL_LINES });
      expect(photo, `${count}`).toBeGreaterThan(8 * UNIT);
      const high = name.height + small * SMALL_LINE * LINES.full + (beside ? 0 : photo);
      expect(high, `${count}`).toBeLessThanOrEqual(place.height);
      if (beside) expect(photo + name.width).toBeLessThanOrEqual(place.width);
    }
  });

  it('gives the room of lines that no card needs to the names', () => {
    const [place] = winnersPlaces(20, 1_770, 760, UNIT);
    if (place === undefined) expect.fail('no place');
    const at = (lines: typeof ALL_LINES) => sizesOf(place, { photo: false, unit: UNIT, lines }).name.height;
    expect(at({ ...ALL_LINES, past: false })).toBeGreaterThan(at(ALL_LINES) * 1.15);
  });
});

import { describe, expect, it } from 'vitest';
import { roughWidth } from '../layout';
import { cellOf } from './cell';

const UNIT = 10;
const ROOM = { width: 21 * UNIT, unit: UNIT };
const note = { must: 'No.217 ¥188.00', may: '' };

describe('a cell of a wall', () => {
  it.each([
    '王',
    '欧阳娜娜',
    '阿卜杜热西提',
    'Wolfeschlegelsteinhausenberger',
    'Anna Maria von und zu Thurn und',
  ])('has room for all of a name, and no note larger than it: %s', (long) => {
    for (let letters = 1; letters <= long.length; letters++) {
      const name = long.slice(0, letters).trim();
      const cell = cellOf({ name, ...note }, ROOM);
      expect(cell.name.lines.join('').replace(/\s/g, '')).toBe(name.replace(/\s/g, ''));
      expect(cell.note.size).toBeLessThanOrEqual(cell.name.size);
      for (const part of [cell.name, cell.note])
        for (const line of part.lines)
          expect(roughWidth(line) * part.size).toBeLessThanOrEqual(ROOM.width + 0.01);
      const high = [cell.name, cell.note].reduce(
        (sum, { size, lines }) => sum + size * 1.18 * lines.length,
        0,
      );
      expect(high).toBeLessThanOrEqual(7 * UNIT);
    }
  });

  it('leaves a department out before the note is too small to read', () => {
    const said = (may: string) => cellOf({ name: '王伟', must: note.must, may }, ROOM).note.lines.join();
    expect(said('市场部')).toBe('No.217 ¥188.00 市场部');
    expect(said('华东大区渠道与生态合作事业部三组')).toBe('No.217 ¥188.00');
  });
});

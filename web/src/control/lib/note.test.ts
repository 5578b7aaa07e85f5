import { describe, expect, it } from 'vitest';
import { noteOf } from './note';

describe('a note of the audit trail', () => {
  it('is said in words where the server wrote it', () => {
    expect(noteOf('budget.cap', 'cap 100000 fen')).toEqual({
      key: 'trail.notes.cap',
      values: { money: '¥1,000.00' },
    });
    expect(noteOf('people.import', 'new 12 update 3 errors 0')).toEqual({
      key: 'trail.notes.import',
      values: { new: '12', update: '3', errors: '0' },
    });
    expect(noteOf('seat.mark', 'absent')).toEqual({ key: 'seat.absent', values: {} });
  });

  it('stays as it is where a person wrote it', () => {
    expect(noteOf('meeting.edit', '星河集团 2026 年度盛典')).toBeNull();
    expect(noteOf('draw.void', 'the cap 100000 fen was wrong')).toBeNull();
  });
});

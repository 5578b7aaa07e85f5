import { describe, expect, it } from 'vitest';
import { draw, revealed, seat, seats } from '../../e2e/fixtures';
import { levelOf } from './randomness';
import { byPrize, paidOf, payoutOf, ranksOf, replacedBy, seatsOf } from './seats';
import { summaryPages } from './summary';

const main = revealed({
  winners: [seat(1), seat(2, { status: 'absent', replaced_by: 2 }), seat(3, { status: 'declined' })],
});
const second = seat(2, { no: 90, pid: 'a', status: 'disqualified', replaced_by: 3 });
const redraw = revealed({ draw: 2, kind: 'redraw', parent: 1, winners: [second] });
const third = seat(2, { no: 91, pid: 'b' });
const again = revealed({ draw: 3, kind: 'redraw', parent: 1, winners: [third] });
const draws = [main, redraw, again];

describe('seats', () => {
  it('belong to the newest redraw, with everybody before it on the record', () => {
    const [one, two, three] = seatsOf(main, draws);
    expect(one).toMatchObject({ aside: false, before: [] });
    expect(two?.holder).toBe(third);
    expect(two?.before).toEqual([main.winners[1], second]);
    expect(three?.aside).toBe(true);
    expect(replacedBy(again, draws).get(2)).toBe(second);
    expect(replacedBy(redraw, draws).get(2)).toBe(main.winners[1]);
  });

  it('are named while they are drawn anew, where that is certain', () => {
    const begun = draw({ draw: 4, kind: 'redraw', parent: 1, k: 1 });
    expect(ranksOf(begun, [...draws, begun])).toEqual([3]);
    expect(ranksOf({ ...begun, k: 2 }, draws)).toEqual([]);
    expect(ranksOf({ ...begun, parent: 9 }, draws)).toEqual([]);
    expect(ranksOf(redraw, draws)).toEqual([2]);
  });

  it('leave those set aside, tests and void draws out of the summary', () => {
    const test = revealed({ draw: 4, kind: 'test', winners: seats(2) });
    const [prize, ...rest] = byPrize([...draws, test, revealed({ draw: 5, state: 'void' })]);
    expect(prize?.seats.map(({ seat: one }) => one.holder.rank)).toEqual([1, 2]);
    expect(rest).toEqual([]);
  });

  it('are counted by how far their packets are, without those that nobody holds', () => {
    const of = (...winners: ReturnType<typeof seat>[]) => paidOf(seatsOf(revealed({ winners }), []));
    const sent = seat(1, { packet: 'received' });
    const aside = seat(2, { status: 'absent', packet: 'cancelled' });
    expect(of(sent, aside, seat(3, { packet: 'failed' }), seat(4, { packet: 'queued' }), seat(5))).toEqual({
      all: 4,
      done: 1,
      sending: 1,
      trouble: 1,
    });
    // Before the first is on its way there is nothing to tell.
    expect(of(seat(1), seat(2)).all).toBe(0);
    expect(of(seat(1, { amount_fen: 0 })).all).toBe(0);
  });

  it('say of the packet what a hall needs', () => {
    const said = (packet: Parameters<typeof seat>[1]): unknown => payoutOf(seat(1, packet));
    expect(said({ packet: null })).toBeNull();
    expect(said({ packet: 'queued' })).toBe('sending');
    expect(said({ packet: 'unknown' })).toBe('sending');
    expect(said({ packet: 'sent' })).toBe('sent');
    expect(said({ packet: 'received' })).toBe('received');
    expect(said({ packet: 'refunded' })).toBe('returned');
    expect(said({ packet: 'needs_human' })).toBe('trouble');
  });
});

describe('the summary', () => {
  it('has everybody once, in pages that fit, with no heading alone', () => {
    const prizes = byPrize([
      revealed({ winners: seats(7) }),
      revealed({ draw: 2, prize: 'B', winners: seats(40) }),
      revealed({ draw: 3, prize: 'C', winners: seats(1) }),
    ]);
    const pages = summaryPages(prizes, 4, 6);
    const rows = pages.map((parts) =>
      parts.reduce((sum, part) => sum + 1 + Math.ceil(part.seats.length / 4), 0),
    );
    expect(Math.max(...rows)).toBeLessThanOrEqual(6);
    expect(pages.flat().every((part) => part.seats.length > 0)).toBe(true);
    expect(pages.flat().reduce((sum, part) => sum + part.seats.length, 0)).toBe(48);
    expect(summaryPages([], 4, 6)).toEqual([]);
  });
});

describe('the level', () => {
  it('follows the protocol: a beacon, dice from 10^12 outcomes, three words, else taps, else nothing', () => {
    expect(levelOf([])).toBe('A0');
    expect(levelOf([{ s: 'audience' }])).toBe('A1');
    expect(levelOf([{ s: 'audience' }, { s: 'dice', sides: 10, count: 11 }])).toBe('A1');
    expect(levelOf([{ s: 'dice', sides: 10, count: 12 }])).toBe('A2');
    expect(levelOf([{ s: 'dice', sides: 6, count: 15 }])).toBe('A0');
    expect(levelOf([{ s: 'dice', sides: 6, count: 16 }])).toBe('A2');
    expect(levelOf([{ s: 'words', count: 2 }])).toBe('A0');
    expect(levelOf([{ s: 'words', count: 3 }])).toBe('A2');
    expect(levelOf([{ s: 'audience' }, { s: 'drand' }])).toBe('A3');
  });
});

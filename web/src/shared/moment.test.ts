import { describe, expect, it } from 'vitest';
import { asSeen, FLY_MS, momentOf, SPIN_MS, untilNext } from './moment';
import type { DrawView } from './state';

const AT = 1_000_000;

function draw(state: DrawView['state'], revealed_at: number | null): DrawView {
  return { draw: 1, state, revealed_at, seed: 'ab', winners: [{ rank: 1 }] } as unknown as DrawView;
}

describe('the moment of a result', () => {
  it('is when the screen shows the winners', () => {
    expect(momentOf(draw('revealed', AT))).toBe(AT + SPIN_MS + FLY_MS);
    expect(momentOf(draw('closed', null))).toBeNull();
    expect(momentOf(draw('void', AT))).toBeNull();
  });

  it('tells nothing before and everything after', () => {
    const known = draw('revealed', AT);
    const before = asSeen(known, AT + SPIN_MS + FLY_MS - 1);
    expect(before).toMatchObject({ state: 'closed', winners: [], seed: null, revealed_at: null });
    expect(known.winners).toHaveLength(1);
    expect(asSeen(known, AT + SPIN_MS + FLY_MS)).toBe(known);
    for (const other of [draw('committed', null), draw('void', AT)]) expect(asSeen(other, AT)).toBe(other);
  });

  it('comes next for the draw that is kept back', () => {
    const draws = [draw('revealed', AT - 60_000), draw('revealed', AT), draw('closed', null)];
    expect(untilNext(draws, AT + 100)).toBe(SPIN_MS + FLY_MS - 100);
    expect(untilNext(draws, AT + SPIN_MS + FLY_MS)).toBeNull();
    expect(untilNext([], AT)).toBeNull();
  });
});

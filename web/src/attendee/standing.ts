import type { DrawView } from '../shared/state';
import { checkPath, readPath, tapCounts } from '../shared/verifier/tree';
import type { Wire } from '../wire';

export type MyProof = Wire['MyProof'];
type Place = Wire['MyPlace'];
type Round = Wire['RoundView'];

/** How I stand in a draw before its result. */
export type Standing =
  | { name: 'checking' | 'unproved' | 'refused' | 'forged' | 'dropped' | 'late' | 'before' | 'rule' }
  /** My tickets, counted from 1. */
  | { name: 'in'; first: number; last: number };

/** First ticket of mine if the path leads to the committed pool, `null` when it does not. */
export function checkProof(draw: DrawView, place: Place, proof: MyProof): number | null {
  const path = readPath(proof.path, false);
  if (path === null || proof.draw !== draw.draw || proof.index !== place.index) return null;
  return checkPath(draw.pool, { index: place.index, pid: place.pid, weight: proof.w }, path);
}

function counts(draw: DrawView): boolean {
  return draw.state === 'revealed' && draw.kind !== 'test';
}

/** True when an earlier win of mine keeps me out of the draw by its round's rule. */
function wonBefore(
  draw: DrawView,
  place: Place,
  draws: readonly DrawView[],
  rounds: readonly Round[],
): boolean {
  const round = rounds.find(({ id }) => id === draw.round_id);
  return draws.some((other) => {
    if (other.draw >= draw.draw || !counts(other)) return false;
    if (!other.winners.some(({ pid }) => pid === place.pid)) return false;
    if (draw.kind === 'redraw' && other.round_id === draw.round_id) return true;
    if (round === undefined || round.exclude === 'event') return true;
    const group = rounds.find(({ id }) => id === other.round_id)?.group;
    return round.exclude === 'group' && group === round.group;
  });
}

/** `proof`: mine for this draw, `undefined` while it is fetched, `null` when it could not be; `refused` = it is kept back. */
export function standingIn(
  draw: DrawView,
  place: Place,
  proof: MyProof | null | undefined,
  all: { draws: readonly DrawView[]; rounds: readonly Round[] },
  refused = false,
): Standing {
  // Whoever had the receipt before the commit is in its pool.
  if (place.index >= draw.pool.n) return { name: place.receipt.size <= draw.commit_seq ? 'dropped' : 'late' };
  if (proof === undefined) return { name: 'checking' };
  if (proof === null) return { name: refused ? 'refused' : 'unproved' };
  const start = checkProof(draw, place, proof);
  if (start === null) return { name: 'forged' };
  if (proof.w > 0) return { name: 'in', first: start + 1, last: start + proof.w };
  return { name: wonBefore(draw, place, all.draws, all.rounds) ? 'before' : 'rule' };
}

/** What became of my tap: `null` while there is nothing to say of it. */
export type TapVerdict = 'counted' | 'checking' | 'missing' | null;

/**
 * Whether my tap is in the logged randomness. `kept` is what this phone sent, `taken` whether the server said that it
 * took it; `proof` as in `standingIn`, fetched after the taps were closed.
 */
export function tapIn(
  draw: DrawView,
  place: Place,
  { kept, taken, proof }: { kept: string | undefined; taken: boolean; proof: MyProof | null | undefined },
): TapVerdict {
  const value = draw.values[0];
  if (kept === undefined || !taken || value === undefined || !('root' in value)) return null;
  if (!proof) return 'checking';
  const { tap } = proof;
  const mine =
    tap != null &&
    tap.r === kept &&
    tapCounts(value, {
      head: draw.commit_head,
      index: place.index,
      r: kept,
      place: tap.place,
      path: tap.path,
    });
  return mine ? 'counted' : 'missing';
}

/** My ranks in a result: decided here by my own place in the pool. */
export function ranksOf(draw: DrawView, { pid: mine }: { pid: string }): number[] {
  return draw.winners.filter(({ pid }) => pid === mine).map(({ rank }) => rank);
}

/** True while my tap would be taken. */
export function canTap(draw: DrawView): boolean {
  return draw.state === 'committed' && draw.sources[draw.values.length]?.s === 'audience';
}

/** The draw that matters now: the open one, else the last. */
export function currentDraw(draws: readonly DrawView[]): DrawView | undefined {
  const open = draws.find(({ state }) => state === 'committed' || state === 'closed');
  return open ?? draws[draws.length - 1];
}

import type { DrawView } from './state';

/** After the result is known names go on moving on the screen, ms, */
export const SPIN_MS = 3_600;
/** then winners come forward and stand where their cards will be. */
export const FLY_MS = 1_200;

/** When a draw's winners are seen on the screen, server's clock; `null` while there is no result. */
export function momentOf({ state, revealed_at }: DrawView): number | null {
  return state === 'revealed' && typeof revealed_at === 'number' ? revealed_at + SPIN_MS + FLY_MS : null;
}

/** A draw as the hall sees it: until the screen shows the winners it is one whose randomness is closed. */
export function asSeen(draw: DrawView, now: number): DrawView {
  const moment = momentOf(draw);
  if (moment === null || now >= moment) return draw;
  return { ...draw, state: 'closed', winners: [], seed: null, revealed_at: null };
}

/** Ms until the next winners are seen; `null` when nothing is kept back. */
export function untilNext(draws: readonly DrawView[], now: number): number | null {
  const waits = draws.map((draw) => (momentOf(draw) ?? now) - now).filter((wait) => wait > 0);
  return waits.length === 0 ? null : Math.min(...waits);
}

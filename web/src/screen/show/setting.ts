import type { DrawView, State } from '../../shared/state';
import type { Wire } from '../../wire';
import type { View } from '../scene';
import type { Person, Setting } from './engine';
import type { StyleName } from './styles';

/** Round of what is shown, if it is about one. */
function roundOf(state: State, view: View): Wire['RoundView'] | undefined {
  if (view.name === 'ready') return view.round;
  return 'draw' in view ? state.rounds.find(({ id }) => id === view.draw.round_id) : undefined;
}

/** The style of a prize: its own, or that of all. */
export function styleOf(state: State, view: View): StyleName {
  const prizeId = roundOf(state, view)?.prize_id;
  const code = state.prizes.find(({ id }) => id === prizeId)?.code ?? '';
  return state.show?.prizes?.[code] ?? state.show?.style ?? 'sphere';
}

/** Numbers of people who won before this view and cannot win again: they are not shown any more. */
export function goneFrom(state: State, view: View): Set<number> {
  if (roundOf(state, view)?.exclude === 'none') return new Set();
  const before = 'draw' in view ? view.draw.draw : Number.POSITIVE_INFINITY;
  const earlier = state.draws.filter(
    ({ draw, kind, state: at }) => draw < before && kind !== 'test' && at === 'revealed',
  );
  return new Set(earlier.flatMap(({ winners }) => winners.map(({ no }) => no)));
}

/** Whose names move: the pool of this draw without those who won before. */
export function peopleOf(all: readonly Person[], state: State, view: View): Person[] {
  const gone = goneFrom(state, view);
  // Whoever came in after the commit is not in the draw, and all screens show the same names.
  const last = 'draw' in view ? view.draw.pool.n : Number.POSITIVE_INFINITY;
  return all.filter(({ no }) => no <= last && !gone.has(no));
}

export function winnersOf(draw: DrawView): Person[] {
  return [...draw.winners].sort((a, b) => a.rank - b.rank).map(({ no, name }) => ({ no, name }));
}

/** What moves, how fast and since when. */
export function paceOf(view: View): Pick<Setting, 'pace' | 'since'> {
  if (view.name === 'ready') return { pace: 'idle', since: 0 };
  if (view.name === 'randomness' && view.draw.state === 'closed') return { pace: 'wait', since: 0 };
  if (view.name === 'drawing' || view.name === 'winners')
    return { pace: 'reveal', since: view.draw.revealed_at ?? 0 };
  return { pace: null, since: 0 };
}

/** The same on every screen: from the head of the log at the commit. */
export function seedOf(view: View): number {
  return 'draw' in view ? Number.parseInt(view.draw.commit_head.slice(0, 7), 16) || 1 : 1;
}

/** Gives the former value while `key` stays the same: whoever compares by identity does nothing then. */
export function keeper<T>(): (key: string, make: () => T) => T {
  let kept: { key: string; value: T } | null = null;
  return (key, make) => {
    if (kept?.key !== key) kept = { key, value: make() };
    return kept.value;
  };
}

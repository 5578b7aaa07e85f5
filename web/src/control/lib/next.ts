import { momentOf } from '../../shared/moment';
import type { Wire } from '../../wire';

type Draw = Wire['DrawView'];
type Round = Wire['RoundView'];
type Seat = Wire['SeatView'];

/** What the host should do next; each one is one press of the big button. */
export type Step =
  /** The meeting is closed: nothing is drawn any more. */
  | { kind: 'closed' }
  /** There is no round yet. */
  | { kind: 'setup' }
  /** Show the round on the screen before it begins. */
  | { kind: 'show'; round: Round }
  /** Log rules and pool. */
  | { kind: 'commit'; round: Round }
  /** The hall reads the rules, or waits for the names of a result: nothing can be done before `until`. */
  | { kind: 'wait'; draw: Draw; until: number }
  | { kind: 'taps'; draw: Draw; i: number }
  | { kind: 'dice'; draw: Draw; i: number; sides: number; count: number }
  | { kind: 'words'; draw: Draw; i: number; count: number }
  /** A round of drand; `until` is when it is published, ms. */
  | { kind: 'beacon'; draw: Draw; i: number; beacon: number; until: number }
  | { kind: 'reveal'; draw: Draw }
  /** Winners of this draw wait for the host's word. */
  | { kind: 'seats'; draw: Draw; waiting: number; auto: boolean }
  /** Seats of this main draw are held by somebody who was set aside. */
  | { kind: 'redraw'; draw: Draw; ranks: number[] }
  /** All rounds are drawn: show all winners. */
  | { kind: 'summary' }
  | { kind: 'done' };

export interface Choice {
  /** The server's clock, ms. */
  now: number;
  /** The round that the host picked, if any; it goes before unfinished seats of earlier rounds. */
  chosen?: string | null;
}

/** The part of the live state that decides. */
export type Standing = Pick<Wire['Snapshot'], 'meeting' | 'rounds' | 'draws' | 'scene'>;

/** A rank of a main draw and who holds it now. */
export interface Held {
  draw: Draw;
  seat: Seat;
}

/** The draw that is committed and not over, if any; there is at most one. */
export function openDraw(draws: readonly Draw[]): Draw | undefined {
  return draws.find((draw) => draw.state === 'committed' || draw.state === 'closed');
}

/** Holder of each rank: its winner in the latest revealed draw of the main draw's family (draw protocol §8). */
export function holders(draws: readonly Draw[], main: Draw): Held[] {
  const family = draws
    .filter((draw) => draw.state === 'revealed' && (draw.draw === main.draw || draw.parent === main.draw))
    .sort((a, b) => a.draw - b.draw);
  const byRank = new Map<number, Held>();
  for (const draw of family) for (const seat of draw.winners) byRank.set(seat.rank, { draw, seat });
  return [...byRank.values()].sort((a, b) => a.seat.rank - b.seat.rank);
}

/** A holder who was set aside: the rank can be drawn again. */
export function isVacant(seat: Seat): boolean {
  return seat.status === 'absent' || seat.status === 'declined' || seat.status === 'disqualified';
}

/** When a round of quicknet is due, ms (draw protocol §7). */
export function beaconDue(round: number): number {
  return (1_692_803_367 + 3 * (round - 1)) * 1000;
}

function ofOpenDraw(draw: Draw, now: number): Step {
  const i = draw.values.length;
  const source = draw.state === 'closed' ? undefined : draw.sources[i];
  if (source === undefined) return { kind: 'reveal', draw };
  if (now < draw.randomness_at) return { kind: 'wait', draw, until: draw.randomness_at };
  if (source.s === 'audience') return { kind: 'taps', draw, i };
  if (source.s === 'dice') return { kind: 'dice', draw, i, sides: source.sides, count: source.count };
  if (source.s === 'words') return { kind: 'words', draw, i, count: source.count };
  const beacon = source.round ?? 0;
  return { kind: 'beacon', draw, i, beacon, until: beaconDue(beacon) };
}

/** A result whose winners the screen does not show yet: nobody is paid, and nothing begun, before the hall has seen them. */
function rolling(draws: readonly Draw[], now: number): Step | null {
  for (const draw of draws) {
    const until = momentOf(draw);
    if (until !== null && now < until) return { kind: 'wait', draw, until };
  }
  return null;
}

function ofSeats(state: Standing): Step | null {
  const mains = state.draws.filter((draw) => draw.kind === 'main' && draw.state === 'revealed');
  for (const main of mains.reverse()) {
    const held = holders(state.draws, main);
    const round = state.rounds.find(({ id }) => id === main.round_id);
    const first = held.find(({ seat }) => seat.status === 'waiting');
    if (first !== undefined) {
      const waiting = held.filter(
        ({ draw, seat }) => draw.draw === first.draw.draw && seat.status === 'waiting',
      ).length;
      return { kind: 'seats', draw: first.draw, waiting, auto: round?.confirm === 'auto' };
    }
    const ranks = held.filter(({ seat }) => isVacant(seat)).map(({ seat }) => seat.rank);
    if (ranks.length > 0 && round?.left !== true) return { kind: 'redraw', draw: main, ranks };
  }
  return null;
}

function ofRound(state: Standing, round: Round): Step {
  const shown = state.scene.name === 'ready' && state.scene.round_id === round.id;
  return shown ? { kind: 'commit', round } : { kind: 'show', round };
}

/** Rounds that can be drawn, in the order of the evening. */
export function readyRounds(state: Standing): Round[] {
  return state.rounds.filter(({ status }) => status === 'ready').sort((a, b) => a.ord - b.ord);
}

/** The next sensible step. Pure: two hosts who see the same state see the same button. */
export function nextStep(state: Standing, { now, chosen = null }: Choice): Step {
  const open = openDraw(state.draws);
  if (open !== undefined) return ofOpenDraw(open, now);
  const rolls = rolling(state.draws, now);
  if (rolls !== null) return rolls;
  const closed = state.meeting.status === 'closed';
  const ready = closed ? [] : readyRounds(state);
  const picked = ready.find(({ id }) => id === chosen);
  if (picked !== undefined) return ofRound(state, picked);
  const seats = ofSeats(state);
  if (seats !== null && !closed) return seats;
  if (closed) return { kind: 'closed' };
  if (state.rounds.length === 0) return { kind: 'setup' };
  const onScreen = state.scene.name === 'ready' ? state.scene.round_id : null;
  const round = ready.find(({ id }) => id === onScreen) ?? ready[0];
  if (round !== undefined) return ofRound(state, round);
  return state.scene.name === 'summary' ? { kind: 'done' } : { kind: 'summary' };
}

/** Names the intention behind a step: the same while it is the same press, another one for the next. */
export function intentOf(step: Step): string {
  switch (step.kind) {
    case 'show':
      return `show ${step.round.id}`;
    case 'commit':
      return `commit ${step.round.id} ${step.round.version}`;
    case 'taps':
    case 'dice':
    case 'words':
    case 'beacon':
      return `entropy ${step.draw.draw} ${step.i}`;
    case 'reveal':
      return `result ${step.draw.draw}`;
    case 'seats':
      return `seats ${step.draw.draw} ${step.waiting}`;
    case 'redraw':
      return `redraw ${step.draw.draw} ${step.ranks.join(',')}`;
    default:
      return step.kind;
  }
}

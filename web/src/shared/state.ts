import type { Wire } from '../wire';

/** Everything that a page needs to draw itself; replaced as a whole, never changed in place. */
export type Snapshot = Wire['Snapshot'];
export type Me = Wire['Me'];
export type DrawView = Wire['DrawView'];
export type SeatView = Wire['SeatView'];

/** A page's view of the meeting: the shared snapshot and what belongs to this moment or this person. */
export interface State extends Snapshot {
  /** The attendee's own page, once the server sent it. */
  me: Me | null;
  /** Who has a control page open; only control pages are told. */
  desk?: readonly Wire['DeskPerson'][];
}

/** One message of the socket. Those with a `seq` are events of the meeting; others are passing or private. */
export type Message = Wire['Message'];

/** People that the sign-in wall keeps, as many as the server's snapshot has. */
const RECENT = 200;

function withDraw(draws: readonly DrawView[], draw: DrawView): DrawView[] {
  const others = draws.filter((other) => other.draw !== draw.draw);
  return [...others, draw].sort((a, b) => a.draw - b.draw);
}

function withSeats(draw: DrawView, seats: readonly SeatView[]): DrawView {
  const changed = new Map(seats.map((seat) => [seat.rank, seat]));
  return { ...draw, winners: draw.winners.map((seat) => changed.get(seat.rank) ?? seat) };
}

/**
 * The state after one message. Pure: the same snapshot and the same messages give the same state on every
 * page. Only a snapshot can come first; anything else before it leaves `null`.
 */
export function apply(state: State | null, message: Message): State | null {
  if (message.type === 'snapshot') return { ...message.data, me: state?.me ?? null, desk: state?.desk ?? [] };
  if (state === null) return null;
  switch (message.type) {
    case 'meeting':
      return { ...state, meeting: message.data };
    case 'prizes':
      return { ...state, prizes: message.data };
    case 'rounds':
      return { ...state, rounds: message.data };
    case 'draw': {
      const { draw, log, code } = message.data;
      return { ...state, draws: withDraw(state.draws, draw), log, code };
    }
    case 'seats': {
      const { draw: number, state: stands, seats, log, code } = message.data;
      const draws = state.draws.map((draw) =>
        draw.draw === number ? { ...withSeats(draw, seats), state: stands } : draw,
      );
      return { ...state, draws, log, code };
    }
    case 'scene':
      return { ...state, scene: message.data };
    case 'show':
      return { ...state, show: message.data };
    case 'counts':
      return { ...state, counts: message.data };
    case 'entered':
      return { ...state, recent: [...state.recent, ...message.data.people].slice(-RECENT) };
    case 'taps': {
      const { draw: number, m } = message.data;
      const draws = state.draws.map((draw) =>
        draw.draw === number && draw.taps < m ? { ...draw, taps: m } : draw,
      );
      return { ...state, draws };
    }
    case 'desk':
      return { ...state, desk: message.data.people };
    case 'me':
      return { ...state, me: message.data };
    default:
      // A newer server may send what this page does not know yet.
      return state;
  }
}

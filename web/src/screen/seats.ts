import type { DrawView, SeatView } from '../shared/state';

/** A seat of a draw with who held it before: replaced winners stay on the record. */
export interface Seat {
  holder: SeatView;
  /** Set aside and not (yet) replaced. */
  aside: boolean;
  /** Earlier holders of the rank, oldest first. */
  before: SeatView[];
}

export function setAside(seat: SeatView): boolean {
  return seat.status !== 'waiting' && seat.status !== 'present';
}

/** Seats of a draw by rank. Those of a main draw name the winner of the newest redraw that holds them. */
export function seatsOf(draw: DrawView, draws: readonly DrawView[]): Seat[] {
  const later = draws.filter(({ parent, state }) => parent === draw.draw && state === 'revealed');
  return [...draw.winners]
    .sort((a, b) => a.rank - b.rank)
    .map((seat) => {
      const chain = [seat];
      for (const redraw of later) {
        const next = redraw.winners.find(({ rank }) => rank === seat.rank);
        if (next !== undefined) chain.push(next);
      }
      const holder = chain[chain.length - 1] ?? seat;
      return { holder, aside: setAside(holder), before: chain.slice(0, -1) };
    });
}

/** Who loses the seat to this redraw: the holder of each rank before it. */
export function replacedBy(redraw: DrawView, draws: readonly DrawView[]): Map<number, SeatView> {
  const out = new Map<number, SeatView>();
  for (const draw of draws) {
    const family = draw.draw === redraw.parent || draw.parent === redraw.parent;
    if (!family || draw.draw >= redraw.draw || draw.state !== 'revealed') continue;
    for (const seat of draw.winners) out.set(seat.rank, seat);
  }
  return out;
}

/** Ranks that a redraw gives anew; empty while that cannot be told. */
export function ranksOf(redraw: DrawView, draws: readonly DrawView[]): number[] {
  if (redraw.winners.length > 0) return redraw.winners.map(({ rank }) => rank).sort((a, b) => a - b);
  const parent = draws.find(({ draw }) => draw === redraw.parent);
  const earlier = draws.filter(({ draw }) => draw < redraw.draw);
  const open = parent === undefined ? [] : seatsOf(parent, earlier).filter(({ aside }) => aside);
  // Not all that are open have to be drawn: the log says which, and the page does not have it yet.
  return open.length === redraw.k ? open.map(({ holder }) => holder.rank) : [];
}

export type Payout = 'sending' | 'sent' | 'received' | 'returned' | 'trouble';

/** A packet's state in the few words that a hall needs; nothing before it is on its way. */
export function payoutOf(seat: SeatView): Payout | null {
  switch (seat.packet) {
    case null:
    case undefined:
    case 'cancelled':
      return null;
    case 'sent':
      return 'sent';
    case 'received':
      return 'received';
    case 'refunded':
      return 'returned';
    case 'failed':
    case 'refused':
    case 'needs_human':
      return 'trouble';
    default:
      return 'sending';
  }
}

/** How far the packets of a draw are. */
export interface Paid {
  /** Seats that get money: those that nobody holds any more do not count. */
  all: number;
  /** Sent, whether or not they were opened since. */
  done: number;
  sending: number;
  trouble: number;
}

/** All zero while no packet is on its way. */
export function paidOf(seats: readonly Seat[]): Paid {
  const paid: Paid = { all: 0, done: 0, sending: 0, trouble: 0 };
  let begun = false;
  for (const { holder, aside } of seats) {
    if (aside || holder.amount_fen === 0) continue;
    const at = payoutOf(holder);
    paid.all += 1;
    begun ||= at !== null;
    if (at === 'sending') paid.sending += 1;
    else if (at === 'trouble') paid.trouble += 1;
    else if (at !== null) paid.done += 1;
  }
  return begun ? paid : { ...paid, all: 0 };
}

/** One prize of the summary: everybody who holds a seat of it. */
export interface PrizeWinners {
  prize: string;
  goods: string;
  seats: { draw: DrawView; seat: Seat }[];
}

/** All winners by prize, in the order of the first draw of each. Tests and void draws do not count. */
export function byPrize(draws: readonly DrawView[]): PrizeWinners[] {
  const out = new Map<string, PrizeWinners>();
  for (const draw of draws) {
    if (draw.kind !== 'main' || draw.state !== 'revealed') continue;
    const entry = out.get(draw.prize) ?? { prize: draw.prize, goods: draw.goods, seats: [] };
    for (const seat of seatsOf(draw, draws)) if (!seat.aside) entry.seats.push({ draw, seat });
    out.set(draw.prize, entry);
  }
  return [...out.values()];
}

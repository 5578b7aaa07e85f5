import { equal, fromHex, hash, toHex } from './bytes';
import { commitFits, excludedFor, redrawFits } from './commit';
import type {
  CommitLine,
  EntropyLine,
  Line,
  PayoutLine,
  ResultLine,
  StatusLine,
  VoidLine,
  Winner,
} from './lines';
import { linkBefore, seedOf, valueFits } from './randomness';
import { Disproved, type ErrorCode, need } from './report';
import { split } from './sampling';
import { type Draw, type LogState, setAside } from './state';

function commit(state: LogState, line: CommitLine, head: Uint8Array): void {
  need(state.open === null, 'E_ORDER');
  const number = state.draws.length + 1;
  need(line.draw === number && number <= state.opening.links, 'E_DRAWNO');
  need(commitFits(state, line), 'E_PARAM');
  need(redrawFits(state, line), 'E_REDRAW');
  const draw: Draw = {
    number,
    commit: line,
    head,
    excluded: excludedFor(state, line),
    entropy: [],
    resultAt: null,
    seed: new Uint8Array(32),
    secret: '',
    winners: new Map(),
    status: new Map(),
    payments: new Map(),
    voided: null,
  };
  state.draws.push(draw);
  state.open = draw;
  if (line.kind === 'test') state.warnings.add(`W_TEST:${number}`);
  if (line.pool.max > 1) state.warnings.add(`W_WEIGHTED:${number}`);
}

function isOpen(state: LogState, number: number): Draw {
  const { open } = state;
  if (open === null || open.number !== number) throw new Disproved('E_ORDER');
  return open;
}

function entropy(state: LogState, line: EntropyLine): void {
  const draw = isOpen(state, line.draw);
  const source = draw.commit.entropy[draw.entropy.length];
  if (source === undefined || line.i !== draw.entropy.length) throw new Disproved('E_ORDER');
  need(valueFits(source, line.value, draw.commit.pool.n), 'E_ENTROPY');
  draw.entropy.push(line);
}

function allClosed(draw: Draw): boolean {
  return draw.entropy.length === draw.commit.entropy.length;
}

/** The secret opens the chain: one step back from it lies what was revealed last. */
function reveal(state: LogState, draw: Draw, secret: string): void {
  const bytes = fromHex(secret);
  need(equal(linkBefore(state.opening.event, draw.number, bytes), state.revealed), 'E_CHAIN');
  state.revealed = bytes;
  draw.secret = secret;
}

function winnerListFits(draw: Draw, winners: readonly Winner[]): boolean {
  const { kind, ranks, pool } = draw.commit;
  const inOrder = winners.every((winner, j) => winner.r === (kind === 'redraw' ? ranks[j] : j + 1));
  const inRange = winners.every(({ i, w }) => i < pool.n && w >= 1 && w <= pool.max);
  const pids = new Set(winners.map(({ pid }) => pid));
  const indexes = new Set(winners.map(({ i }) => i));
  return inOrder && inRange && pids.size === winners.length && indexes.size === winners.length;
}

function identitiesAgree(state: LogState, winners: readonly Winner[]): boolean {
  return winners.every(
    ({ pid, i }) => (state.indexOfPid.get(pid) ?? i) === i && (state.pidOfIndex.get(i) ?? pid) === pid,
  );
}

/** What each winner gets, by order of the choice. */
function amounts(state: LogState, draw: Draw, winners: readonly Winner[]): (number | undefined)[] {
  const { award, k, parent } = draw.commit;
  if (award.mode === 'fixed') return winners.map(() => award.cents);
  if (award.mode === 'split') return split(draw.seed, award.cents, k, award.min);
  if (award.mode === 'inherit') return winners.map(({ r }) => state.draw(parent)?.winners.get(r)?.c);
  return winners.map(() => 0);
}

function result(state: LogState, line: ResultLine): void {
  const draw = isOpen(state, line.draw);
  need(allClosed(draw), 'E_ORDER');
  reveal(state, draw, line.secret);
  const values = draw.entropy.map(({ value }) => value);
  draw.seed = seedOf(draw.head, fromHex(line.secret), values);
  need(toHex(draw.seed) === line.seed, 'E_SEED');
  need(line.winners.length === draw.commit.k, 'E_COUNT');
  need(winnerListFits(draw, line.winners), 'E_WINNERLIST');
  need(identitiesAgree(state, line.winners), 'E_IDENT');
  need(!line.winners.some(({ pid }) => draw.excluded.has(pid)), 'E_EXCLUDED');
  const due = amounts(state, draw, line.winners);
  need(
    line.winners.every(({ c }, j) => c === due[j]),
    'E_AWARD',
  );
  for (const winner of line.winners) {
    draw.winners.set(winner.r, winner);
    state.indexOfPid.set(winner.pid, winner.i);
    state.pidOfIndex.set(winner.i, winner.pid);
  }
  draw.resultAt = line.seq;
  state.open = null;
}

/** A payment of the draw, or of a redraw with it as parent, that was sent and not refunded. */
function isPaid(state: LogState, draw: Draw): boolean {
  return state.draws
    .filter((other) => other === draw || other.commit.parent === draw.number)
    .some((other) => [...other.payments.values()].some(({ status }) => status === 'sent'));
}

function voidDraw(state: LogState, line: VoidLine): void {
  const draw = state.draw(line.draw);
  if (draw === undefined || draw.voided !== null) throw new Disproved('E_ORDER');
  if (draw === state.open) {
    need(!allClosed(draw), 'E_VOID');
    reveal(state, draw, line.secret);
    state.open = null;
    state.warnings.add(`W_VOID:${draw.number}`);
  } else {
    need(line.secret === draw.secret, 'E_CHAIN');
    state.warnings.add(`W_VOID_RESULT:${draw.number}`);
    if (isPaid(state, draw)) state.warnings.add(`W_VOID_PAID:${draw.number}`);
  }
  draw.voided = line.reason;
}

/** The draw, if it counts and still holds the rank. */
function holding(state: LogState, number: number, rank: number, code: ErrorCode): Draw {
  const draw = state.draw(number);
  if (draw === undefined || !state.counts(draw) || !draw.winners.has(rank)) throw new Disproved(code);
  need(state.holder(draw, rank) === draw, code);
  return draw;
}

function status(state: LogState, line: StatusLine): void {
  const draw = holding(state, line.draw, line.r, 'E_STATUS');
  const main = draw.commit.kind === 'redraw' ? draw.commit.parent : draw.number;
  const next = state.open?.commit;
  need(!(next?.kind === 'redraw' && next.parent === main && next.ranks.includes(line.r)), 'E_STATUS');
  need(line.status === 'present' || draw.payments.get(line.r)?.status !== 'sent', 'E_STATUS');
  draw.status.set(line.r, line.status);
  if (line.status !== 'present') state.warnings.add(`W_ABSENT:${line.draw}:${line.r}`);
}

function payout(state: LogState, line: PayoutLine): void {
  const draw =
    line.status === 'refunded' ? state.draw(line.draw) : holding(state, line.draw, line.r, 'E_PAY');
  const winner = draw?.winners.get(line.r);
  if (draw === undefined || winner === undefined) throw new Disproved('E_PAY');
  need(line.c >= 1 && line.c === winner.c && line.pid === winner.pid, 'E_PAY');
  const last = draw.payments.get(line.r);
  if (line.status === 'refunded') {
    need(last?.status === 'sent' && last.a === line.a && last.ref === line.ref, 'E_PAY');
  } else {
    need(last?.status !== 'sent', 'E_PAY_DUP');
    need(line.a === (last?.a ?? 0) + 1 && !state.refs.has(line.ref), 'E_PAY');
    need(!setAside(draw, line.r), 'E_PAY_STATE');
    state.refs.add(line.ref);
  }
  draw.payments.set(line.r, { a: line.a, ref: line.ref, status: line.status });
}

/** The checks of one line (step 5); `head` = log head after it. */
function step(state: LogState, line: Line, head: Uint8Array): void {
  need(!state.closed || line.t === 'payout', 'E_ORDER');
  if (line.t === 'event.open') need(line.links >= 1 && line.links <= 65_535, 'E_PARAM');
  else if (line.t === 'draw.commit') commit(state, line, head);
  else if (line.t === 'draw.entropy') entropy(state, line);
  else if (line.t === 'draw.result') result(state, line);
  else if (line.t === 'draw.void') voidDraw(state, line);
  else if (line.t === 'winner.status') status(state, line);
  else if (line.t === 'payout') payout(state, line);
  else {
    need(state.open === null, 'E_ORDER');
    state.closed = true;
  }
}

/** Walks one line; a failure says in which line it was. */
export function walkLine(state: LogState, line: Line, head: Uint8Array): void {
  try {
    step(state, line, head);
  } catch (error) {
    if (!(error instanceof Disproved)) throw error;
    const draw = 'draw' in line ? { draw: line.draw } : {};
    throw new Disproved(error.code, { line: line.seq, ...draw, ...error.place });
  }
}

/** Log heads after each line: `head_0` hashes 32 zero bytes and line 0. */
export function headsOf(lines: readonly Uint8Array[]): Uint8Array[] {
  let head: Uint8Array = new Uint8Array(32);
  return lines.map((line) => {
    head = hash('mlot1/log', head, line);
    return head;
  });
}

/** Warning for a draw that is still open at the end of the log. */
export function warnOpen(state: LogState): void {
  const { open } = state;
  if (open !== null) state.warnings.add(`${allClosed(open) ? 'W_STALLED' : 'W_OPEN'}:${open.number}`);
}

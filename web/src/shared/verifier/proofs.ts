import type { BundleDraw } from './bundle';
import { isHex, isInt, MAX_INT, toHex, writeHex } from './bytes';
import type { PoolSummary } from './lines';
import { type Depth, Disproved, need, type Place } from './report';
import { Drum, drawWinners, ownerOf } from './sampling';
import type { Draw, LogState } from './state';
import { checkPath, type Pool, readPath, rootOf, tapRoot } from './tree';

/** Members hashed or winners checked between two signs of progress. */
const BATCH = 2000;

/** First tickets of the winners, in order of the choice; each path must lead to the committed root. */
function* checkPaths(draw: Draw, proofs: readonly unknown[], place: Place): Generator<void, number[]> {
  const winners = [...draw.winners.values()];
  need(proofs.length === winners.length, 'E_PROOF', place);
  const starts: number[] = [];
  for (const [j, winner] of winners.entries()) {
    const path = readPath(proofs[j], true);
    const member = { index: winner.i, pid: winner.pid, weight: winner.w };
    const start = path === null ? null : checkPath(draw.commit.pool, member, path);
    if (start === null) throw new Disproved('E_PROOF', { ...place, rank: winner.r });
    starts.push(start);
    if (j % BATCH === BATCH - 1) yield;
  }
  return starts;
}

/** Takes the tickets again: each belongs to a chosen winner or to the next one. */
function replay(draw: Draw, starts: readonly number[], place: Place): void {
  const winners = [...draw.winners.values()];
  const order = starts.map((_, j) => j).sort((a, b) => (starts[a] ?? 0) - (starts[b] ?? 0));
  // ownerOf searches between starts; one more entry ends the last range.
  const bounds = Float64Array.from([...order.map((j) => starts[j] ?? 0), MAX_INT]);
  const drum = new Drum(draw.seed, draw.commit.pool.tickets, 0);
  let chosen = 0;
  while (chosen < winners.length) {
    const rank = winners[chosen]?.r ?? 0;
    const ticket = drum.next();
    if (ticket === null) throw new Disproved('E_WINNER', { ...place, rank });
    const j = order[ownerOf(bounds, ticket)] ?? 0;
    const start = starts[j] ?? 0;
    const inside = ticket >= start && ticket < start + (winners[j]?.w ?? 0);
    need(inside && j <= chosen, 'E_WINNER', { ...place, rank });
    if (j === chosen) chosen += 1;
  }
}

function poolFromList(value: unknown, place: Place): Pool {
  need(Array.isArray(value), 'E_SCHEMA', place);
  const pool: Pool = {
    n: value.length,
    pids: new Uint8Array(value.length * 32),
    weights: new Float64Array(value.length),
  };
  for (const [i, member] of value.entries()) {
    need(Array.isArray(member) && member.length === 2, 'E_SCHEMA', place);
    const [pid, weight]: unknown[] = member;
    need(isHex(pid, 32) && isInt(weight), 'E_SCHEMA', place);
    writeHex(pid, pool.pids, i * 32);
    pool.weights[i] = weight;
  }
  return pool;
}

/** A pool file: n × (32 bytes pid, 8 bytes weight). */
function poolFromFile(file: Uint8Array, place: Place): Pool {
  need(file.length % 40 === 0, 'E_SCHEMA', place);
  const n = file.length / 40;
  const pool: Pool = { n, pids: new Uint8Array(n * 32), weights: new Float64Array(n) };
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  for (let i = 0; i < n; i++) {
    const weight = view.getUint32(i * 40 + 32) * 0x1_0000_0000 + view.getUint32(i * 40 + 36);
    need(isInt(weight), 'E_SCHEMA', place);
    pool.pids.set(file.subarray(i * 40, i * 40 + 32), i * 32);
    pool.weights[i] = weight;
  }
  return pool;
}

function sumsFit(pool: Pool, { n, tickets, max }: PoolSummary): boolean {
  let sum = 0;
  let largest = 0;
  for (const weight of pool.weights) {
    // Stops before a sum could become inexact.
    if (weight > max) return false;
    largest = Math.max(largest, weight);
    sum += weight;
  }
  return pool.n === n && sum === tickets && largest === max;
}

function samePid(pool: Pool, a: number, b: number): boolean {
  for (let i = 0; i < 32; i++) if (pool.pids[a * 32 + i] !== pool.pids[b * 32 + i]) return false;
  return true;
}

/** True when two members have one pid. A hash table of positions: a `Set` would end at 2^24. */
function hasTwins(pool: Pool): boolean {
  let size = 2;
  while (size < pool.n * 2) size *= 2;
  const table = new Int32Array(size).fill(-1);
  const view = new DataView(pool.pids.buffer);
  for (let i = 0; i < pool.n; i++) {
    let at = (view.getUint32(i * 32) ^ view.getUint32(i * 32 + 28)) & (size - 1);
    for (let other = table[at] ?? -1; other !== -1; other = table[at] ?? -1) {
      if (samePid(pool, i, other)) return true;
      at = (at + 1) & (size - 1);
    }
    table[at] = i;
  }
  return false;
}

function excludedHaveNone(pool: Pool, excluded: ReadonlySet<string>): boolean {
  if (excluded.size === 0) return true;
  for (let i = 0; i < pool.n; i++) {
    if (pool.weights[i] !== 0 && excluded.has(pidAt(pool, i))) return false;
  }
  return true;
}

/** Pid of a member as hex. */
export function pidAt(pool: Pool, index: number): string {
  return toHex(pool.pids.subarray(index * 32, index * 32 + 32));
}

/** The full check of a pool: every member, and the whole draw again. */
function* checkPool(draw: Draw, pool: Pool, place: Place): Generator<void> {
  need(sumsFit(pool, draw.commit.pool), 'E_POOL_SUM', place);
  yield;
  need(rootOf(pool) === draw.commit.pool.root, 'E_POOL_ROOT', place);
  yield;
  need(!hasTwins(pool), 'E_POOL_DUP', place);
  need(excludedHaveNone(pool, draw.excluded), 'E_POOL_EXCL', place);
  yield;
  const again = drawWinners(draw.seed, pool.weights, draw.commit.k);
  const said = [...draw.winners.values()];
  need(again.length === said.length && said.every(({ i }, j) => i === again[j]), 'E_WINNER', place);
}

function checkTaps(draw: Draw, taps: unknown, place: Place): void {
  const value = draw.entropy[0]?.value;
  need(value !== undefined && 'm' in value, 'E_TAPS', place);
  need(Array.isArray(taps) && taps.length === value.m, 'E_TAPS', place);
  const indexes: number[] = [];
  const values: string[] = [];
  for (const tap of taps) {
    need(Array.isArray(tap) && tap.length === 2, 'E_TAPS', place);
    const [index, r]: unknown[] = tap;
    need(isInt(index) && index < draw.commit.pool.n && isHex(r, 32), 'E_TAPS', place);
    need(index > (indexes[indexes.length - 1] ?? -1), 'E_TAPS', place);
    indexes.push(index);
    values.push(r);
  }
  need(tapRoot(draw.head, indexes, values) === value.root, 'E_TAPS', place);
}

function isPrefix(earlier: Pool, later: Pool): boolean {
  const { pids } = earlier;
  if (earlier.n > later.n) return false;
  for (let i = 0; i < pids.length; i++) if (pids[i] !== later.pids[i]) return false;
  return true;
}

/** What step 6 found out, for the report and for step 7. */
export interface Checked {
  depths: Record<string, Depth>;
  pools: Map<number, Pool>;
}

function* checkDraw(
  draw: Draw,
  item: BundleDraw,
  file: Uint8Array | undefined,
): Generator<void, Pool | null> {
  const place = { draw: item.draw };
  replay(draw, yield* checkPaths(draw, item.proofs, place), place);
  let pool: Pool | null = null;
  if (file !== undefined) pool = poolFromFile(file, place);
  else if (Object.keys(item).includes('pool')) pool = poolFromList(item.pool, place);
  if (pool !== null) yield* checkPool(draw, pool, place);
  if (Object.keys(item).includes('taps')) checkTaps(draw, item.taps, place);
  return pool;
}

/** Step 6: the draws of the bundle; yields between parts of the work. */
export function* checkDraws(
  state: LogState,
  items: readonly BundleDraw[],
  files: ReadonlyMap<number, Uint8Array>,
): Generator<void, Checked> {
  const out: Checked = { depths: {}, pools: new Map() };
  let last = 0;
  let before: Pool | null = null;
  for (const item of items) {
    const draw = state.draw(item.draw);
    const place = { draw: item.draw };
    need(item.draw > last && draw !== undefined && draw.resultAt !== null, 'E_SCHEMA', place);
    last = item.draw;
    yield;
    const pool: Pool | null = yield* checkDraw(draw, item, files.get(item.draw));
    if (pool !== null) {
      need(before === null || isPrefix(before, pool), 'E_POOL_MOVED', place);
      before = pool;
      out.pools.set(item.draw, pool);
    }
    const depth = pool === null ? 'light' : 'full';
    out.depths[String(item.draw)] = Object.keys(item).includes('taps') ? `${depth}+taps` : depth;
  }
  return out;
}

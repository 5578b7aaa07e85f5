import { sha256 } from '@noble/hashes/sha2.js';
import { fromHex, hash, isHex, isInt, isRecord, MAX_INT, tagged, toHex, u64, writeU64 } from './bytes';

/** Members in index order; typed arrays, since there may be millions. */
export interface Pool {
  n: number;
  /** n × 32 bytes. */
  pids: Uint8Array;
  weights: Float64Array;
}

export interface PathStep {
  h: string;
  s: number;
}

/** Hashes and sums of one level of the tree, leaves first. */
interface Level {
  n: number;
  hashes: Uint8Array;
  sums: Float64Array;
}

function leafLevel(pool: Pool): Level {
  const { buffer, at } = tagged('mlot1/leaf', 40);
  const hashes = new Uint8Array(pool.n * 32);
  for (let i = 0; i < pool.n; i++) {
    buffer.set(pool.pids.subarray(i * 32, i * 32 + 32), at);
    writeU64(pool.weights[i] ?? 0, buffer, at + 32);
    hashes.set(sha256(buffer), i * 32);
  }
  return { n: pool.n, hashes, sums: pool.weights.slice() };
}

/** The level above: neighbours in pairs, an odd last one moves up as it is (the shape of RFC 6962). */
function levelAbove(level: Level): Level {
  const { buffer, at } = tagged('mlot1/node', 80);
  const n = Math.ceil(level.n / 2);
  const above: Level = { n, hashes: new Uint8Array(n * 32), sums: new Float64Array(n) };
  for (let i = 0; i < n; i++) {
    const left = i * 2;
    const right = left + 1;
    const leftSum = level.sums[left] ?? 0;
    const leftHash = level.hashes.subarray(left * 32, left * 32 + 32);
    if (right === level.n) {
      above.hashes.set(leftHash, i * 32);
      above.sums[i] = leftSum;
      continue;
    }
    const rightSum = level.sums[right] ?? 0;
    buffer.set(leftHash, at);
    writeU64(leftSum, buffer, at + 32);
    buffer.set(level.hashes.subarray(right * 32, right * 32 + 32), at + 40);
    writeU64(rightSum, buffer, at + 72);
    above.hashes.set(sha256(buffer), i * 32);
    above.sums[i] = leftSum + rightSum;
  }
  return above;
}

function poolRoot(n: number, tickets: number, top: Uint8Array): Uint8Array {
  return hash('mlot1/pool', u64(n), u64(tickets), top);
}

/** The root of a pool that is not empty, as hex. */
export function rootOf(pool: Pool): string {
  let level = leafLevel(pool);
  while (level.n > 1) level = levelAbove(level);
  return toHex(poolRoot(pool.n, level.sums[0] ?? 0, level.hashes));
}

/** The path of each member asked for. */
export function pathsOf(pool: Pool, indexes: readonly number[]): PathStep[][] {
  const paths: PathStep[][] = indexes.map(() => []);
  let shift = 1;
  for (let level = leafLevel(pool); level.n > 1; level = levelAbove(level)) {
    indexes.forEach((index, p) => {
      const sibling = Math.floor(index / shift) ^ 1;
      if (sibling >= level.n) return;
      const h = toHex(level.hashes.subarray(sibling * 32, sibling * 32 + 32));
      paths[p]?.push({ h, s: level.sums[sibling] ?? 0 });
    });
    shift *= 2;
  }
  return paths;
}

/** For each step of the path of member i, from the leaf up: true when the sibling is on the left. */
function sides(i: number, n: number): boolean[] {
  const out: boolean[] = [];
  let last = n - 1;
  for (let at = i; last > 0; at = at >>> 1, last = last >>> 1) {
    if (at & 1) out.push(true);
    else if (at < last) out.push(false);
  }
  return out;
}

/** A path whose steps have exactly the two fields (or at least them, in local input). */
export function readPath(value: unknown, exact: boolean): PathStep[] | null {
  if (!Array.isArray(value)) return null;
  for (const step of value) {
    if (!isRecord(step) || !isHex(step.h, 32) || !isInt(step.s)) return null;
    if (exact && Object.keys(step).length !== 2) return null;
  }
  return value as PathStep[];
}

/** What the commit says about the pool. */
export interface Committed {
  n: number;
  tickets: number;
  root: string;
}

/** First ticket of the member if the path leads to the committed root, else `null`. */
export function checkPath(
  pool: Committed,
  member: { index: number; pid: string; weight: number },
  path: readonly PathStep[],
): number | null {
  if (member.index >= pool.n) return null;
  const directions = sides(member.index, pool.n);
  if (directions.length !== path.length) return null;
  const { buffer, at } = tagged('mlot1/node', 80);
  let top = hash('mlot1/leaf', fromHex(member.pid), u64(member.weight));
  let sum = member.weight;
  let start = 0;
  for (const [step, siblingIsLeft] of directions.entries()) {
    const { h, s } = path[step] ?? { h: '', s: 0 };
    const sibling = fromHex(h);
    buffer.set(siblingIsLeft ? sibling : top, at);
    writeU64(siblingIsLeft ? s : sum, buffer, at + 32);
    buffer.set(siblingIsLeft ? top : sibling, at + 40);
    writeU64(siblingIsLeft ? sum : s, buffer, at + 72);
    top = sha256(buffer);
    if (siblingIsLeft) start += s;
    sum += s;
    if (sum > MAX_INT) return null;
  }
  if (sum !== pool.tickets) return null;
  return toHex(poolRoot(pool.n, sum, top)) === pool.root ? start : null;
}

/** True when a tap at this place among `m` taps leads to the logged root. */
export function tapCounts(
  logged: { m: number; root: string },
  tap: { head: string; index: number; r: string; place: number; path: readonly string[] },
): boolean {
  if (tap.place >= logged.m || ![tap.head, tap.r, ...tap.path].every((text) => isHex(text, 32))) return false;
  const directions = sides(tap.place, logged.m);
  if (directions.length !== tap.path.length) return false;
  let top = hash('mlot1/tap', fromHex(tap.head), u64(tap.index), fromHex(tap.r));
  for (const [step, siblingIsLeft] of directions.entries()) {
    const sibling = fromHex(tap.path[step] ?? '');
    top = siblingIsLeft ? hash('mlot1/tnode', sibling, top) : hash('mlot1/tnode', top, sibling);
  }
  return toHex(top) === logged.root;
}

/** Root of the taps' tree: 32 zero bytes when nobody tapped. */
export function tapRoot(head: Uint8Array, indexes: readonly number[], values: readonly string[]): string {
  let level = indexes.map((index, i) => hash('mlot1/tap', head, u64(index), fromHex(values[i] ?? '')));
  if (level.length === 0) return '00'.repeat(32);
  while (level.length > 1) {
    const above: Uint8Array[] = [];
    for (let i = 0; i < level.length; i += 2) {
      const [left, right] = [level[i], level[i + 1]];
      if (left) above.push(right ? hash('mlot1/tnode', left, right) : left);
    }
    level = above;
  }
  return toHex(level[0] ?? new Uint8Array(32));
}

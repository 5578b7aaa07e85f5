import { concat, fromHex, hash, isHex, plainSha256, toHex, u8, u32, u64, utf8 } from './bytes';
import type { CommitLine, Source, Value } from './lines';

/** drand "quicknet", the only chain that the protocol knows, and the time of its first round. */
const QUICKNET = '52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971';
const QUICKNET_GENESIS = 1_692_803_367n;
const QUICKNET_PERIOD = 3n;

const ORDER = ['audience', 'dice', 'words', 'drand'];
const ZERO_ROOT = '00'.repeat(32);
const WORD = /^[0-9a-z\u4e00-\u9fff]{1,32}$/;
/** Outcomes from which on dice count as A2. */
const ENOUGH_OUTCOMES = 10n ** 12n;

function between(value: number, least: number, most: number): boolean {
  return value >= least && value <= most;
}

function sourceFits(source: Source, ts: number): boolean {
  switch (source.s) {
    case 'audience':
      return true;
    case 'dice':
      return between(source.sides, 2, 100) && between(source.count, 1, 100);
    case 'words':
      return between(source.count, 1, 20);
    case 'drand': {
      const due = (QUICKNET_GENESIS + QUICKNET_PERIOD * (BigInt(source.round) - 1n)) * 1000n;
      return source.chain === QUICKNET && source.round >= 1 && due > BigInt(ts);
    }
  }
}

/** Sources of a commit: each type at most once, in order, with allowed parameters. */
export function sourcesFit(commit: CommitLine): boolean {
  let last = -1;
  for (const source of commit.entropy) {
    const place = ORDER.indexOf(source.s);
    if (place <= last || !sourceFits(source, commit.ts)) return false;
    last = place;
  }
  return true;
}

/** A value fits the source that it closes; `n` = size of the pool. */
export function valueFits(source: Source, value: Value, n: number): boolean {
  switch (source.s) {
    case 'audience':
      return 'm' in value && value.m <= n && (value.m === 0) === (value.root === ZERO_ROOT);
    case 'dice': {
      if (!('rolls' in value) || value.rolls.length !== source.count) return false;
      const [least, most] = source.sides === 10 ? [0, 9] : [1, source.sides];
      return value.rolls.every((roll) => between(roll, least, most));
    }
    case 'words':
      return (
        'words' in value &&
        value.words.length === source.count &&
        value.words.every((word) => WORD.test(word))
      );
    case 'drand':
      return (
        'signature' in value &&
        isHex(value.signature, 48) &&
        toHex(plainSha256(fromHex(value.signature))) === value.randomness
      );
  }
}

/** Type number and bytes of a value as they enter the seed. */
function seedPart(value: Value): { type: number; bytes: Uint8Array } {
  if ('m' in value) return { type: 1, bytes: concat([u64(value.m), fromHex(value.root)]) };
  if ('rolls' in value) return { type: 2, bytes: Uint8Array.from(value.rolls) };
  if ('words' in value) return { type: 3, bytes: utf8(value.words.join('\n')) };
  return { type: 4, bytes: fromHex(value.randomness) };
}

/** The seed of a draw from the log head after its commit, its secret and the public values. */
export function seedOf(head: Uint8Array, secret: Uint8Array, values: readonly Value[]): Uint8Array {
  const parts = values.flatMap((value) => {
    const { type, bytes } = seedPart(value);
    return [u8(type), u32(bytes.length), bytes];
  });
  return hash('mlot1/seed', head, secret, u8(values.length), ...parts);
}

/** Link before secret number `j` in the chain: `s_{j−1}`. */
export function linkBefore(event: string, j: number, secret: Uint8Array): Uint8Array {
  return hash('mlot1/chain', fromHex(event), u32(j), secret);
}

function sourceLevel(source: Source, value: Value | undefined): number {
  if (source.s === 'dice') return BigInt(source.sides) ** BigInt(source.count) >= ENOUGH_OUTCOMES ? 2 : 0;
  if (source.s === 'words') return source.count >= 3 ? 2 : 0;
  if (source.s === 'audience') return value && 'm' in value && value.m >= 1 ? 1 : 0;
  // drand would give 3 if its signature could be checked here; unchecked it does not count.
  return 0;
}

/** Level of a draw, 0 … 3: the highest that one of its sources gives. */
export function levelOf(sources: readonly Source[], values: readonly Value[]): number {
  return Math.max(0, ...sources.map((source, i) => sourceLevel(source, values[i])));
}

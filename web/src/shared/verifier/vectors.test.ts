import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ed25519 } from '@noble/curves/ed25519.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { describe, expect, it } from 'vitest';
import { fromHex, hash, logCode, toHex, u32, u64, utf8, writeHex } from './bytes';
import { verifyText } from './ed25519';
import type { CommitLine, Source, Value } from './lines';
import { linkBefore, seedOf, sourcesFit, valueFits } from './randomness';
import { drawWinners, Keystream, split } from './sampling';
import { checkPath, type Pool, pathsOf, rootOf } from './tree';
import { verify } from './verify';

/** The folder of the project, and one more that a checker may name. */
const FOLDERS = [join(import.meta.dirname, '../../../../tests/vectors'), process.env.KAIJIANG_VECTORS];

interface Vector {
  name: string;
  kind: string;
  // biome-ignore lint/suspicious/noExplicitAny: each kind has its own fields, read below
  input: any;
  // biome-ignore lint/suspicious/noExplicitAny: likewise
  expect: any;
}

function vectorsIn(folder: string | undefined): Vector[] {
  if (folder === undefined || folder === '') return [];
  return readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .flatMap((file) => {
      const content = JSON.parse(readFileSync(join(folder, file), 'utf8'));
      return content.protocol === 'mlot1' ? (content.vectors as Vector[]) : [];
    });
}

function bytesOf(stream: Keystream, size: number): string {
  const out = new Uint8Array(size);
  const view = new DataView(out.buffer);
  for (let at = 0; at < size; at += 8) {
    stream.next();
    view.setUint32(at, stream.low, true);
    view.setUint32(at + 4, stream.high, true);
  }
  return toHex(out);
}

function links(event: string, last: string, count: number): string[] {
  const out = [last];
  for (let j = count; j >= 1; j--) out.unshift(toHex(linkBefore(event, j, fromHex(out[0] ?? ''))));
  return out;
}

function primitives(input: Vector['input'], expected: Vector['expect']): void {
  const [anchor, ...chain] = links(input.event, input.last, input.links);
  expect(anchor).toBe(expected.anchor);
  expect(chain).toEqual(expected.links);
  const event = fromHex(input.event);
  const seed = fromHex(input.seed);
  expect(toHex(hash('mlot1/pid', event, fromHex(input.salt), utf8(input.identity)))).toBe(expected.pid);
  expect(bytesOf(new Keystream(seed, 0), expected.keystream0.length / 2)).toBe(expected.keystream0);
  expect(bytesOf(new Keystream(seed, 1), expected.keystream1.length / 2)).toBe(expected.keystream1);
  const stream = new Keystream(seed, 0);
  for (const word of expected.u64) {
    stream.next();
    expect(((BigInt(stream.high) << 32n) | BigInt(stream.low)).toString()).toBe(word);
  }
  const drawn = new Keystream(seed, 0);
  expect(input.bounds.map((bound: number) => drawn.uniform(bound))).toEqual(expected.uniform);
  const counted = new Keystream(seed, 0);
  for (let i = 0; i < expected.words_used; i++) counted.next();
  drawn.next();
  counted.next();
  expect([drawn.low, drawn.high]).toEqual([counted.low, counted.high]);
  expect(split(seed, input.split_total, input.split_k, input.split_min)).toEqual(expected.split);
  expect(toHex(ed25519.getPublicKey(fromHex(input.sk)))).toBe(expected.pk);
  const text = `mlot1/checkpoint\n${input.event}\n1\n${input.seed}\n`;
  expect(verifyText(expected.checkpoint_sig, text, expected.pk)).toBe(true);
  expect(verifyText(expected.checkpoint_sig, `${text} `, expected.pk)).toBe(false);
  expect(logCode(input.seed)).toBe(expected.log_code);
  const ref = [event, u32(7), u32(2), fromHex(input.salt), u64(8888), u32(1), utf8(input.bill)];
  expect(toHex(hash('mlot1/pay', ...ref))).toBe(expected.pay_ref);
  expect(toHex(seedOf(seed, fromHex(input.last), input.values))).toBe(expected.draw_seed);
  input.sources.forEach((source: Source, i: number) => {
    expect(valueFits(source, input.values[i] as Value, 1000)).toBe(true);
  });
  expect(sourcesFit({ ts: 0, entropy: input.sources } as unknown as CommitLine)).toBe(true);
}

function seedVector(input: Vector['input'], expected: Vector['expect']): void {
  const seed = toHex(seedOf(fromHex(input.head), fromHex(input.secret), input.values));
  expect(seed).toBe(expected.seed ?? expected);
}

function drawVector(input: Vector['input'], expected: Vector['expect']): void {
  const weights = input.weights ? Float64Array.from(input.weights) : new Float64Array(input.n).fill(1);
  const trace: number[][] = [];
  const winners = drawWinners(fromHex(input.seed), weights, input.k, (ticket, owner, wins) => {
    trace.push([ticket, owner, wins ? 1 : 0]);
  });
  expect(winners).toEqual(expected.winners);
  if (expected.trace) expect(trace).toEqual(expected.trace);
}

function poolOf(input: Vector['input']): Pool {
  const n: number = input.synthetic_n ?? input.pool.length;
  const pool: Pool = { n, pids: new Uint8Array(n * 32), weights: new Float64Array(n) };
  for (let j = 0; j < n; j++) {
    if (input.pool) writeHex(input.pool[j][0], pool.pids, j * 32);
    else pool.pids.set(sha256(u64(j)), j * 32);
    pool.weights[j] = input.pool ? input.pool[j][1] : (input.weight ?? 1);
  }
  return pool;
}

function poolVector(input: Vector['input'], expected: Vector['expect']): void {
  const pool = poolOf(input);
  const tickets = pool.weights.reduce((sum, weight) => sum + weight, 0);
  const root = rootOf(pool);
  const said = { n: pool.n, tickets, root };
  const { paths = {}, ...head } = expected;
  expect(said).toMatchObject(head);
  const indexes: number[] = input.paths ?? [];
  const made = pathsOf(pool, indexes);
  indexes.forEach((index, p) => {
    expect(made[p]).toEqual(paths[String(index)]);
    const pid = toHex(pool.pids.subarray(index * 32, index * 32 + 32));
    const start = pool.weights.slice(0, index).reduce((sum, weight) => sum + weight, 0);
    const member = { index, pid, weight: pool.weights[index] ?? 0 };
    expect(checkPath(said, member, made[p] ?? [])).toBe(start);
    expect(checkPath(said, { ...member, weight: member.weight + 1 }, made[p] ?? [])).toBeNull();
  });
}

function bundleVector(input: Vector['input'], expected: Vector['expect']): void {
  const { bundle, ...local } = input;
  expect(verify(bundle, local).report).toEqual(expected);
}

const KINDS: Record<string, (input: Vector['input'], expected: Vector['expect']) => void> = {
  primitives,
  seed: seedVector,
  draw: drawVector,
  pool: poolVector,
  bundle: bundleVector,
};

const vectors = FOLDERS.flatMap(vectorsIn);

describe('draw protocol vectors', () => {
  it('are there', () => {
    expect(vectors.length).toBeGreaterThan(0);
  });

  it.each(vectors.map((vector) => [vector.name, vector] as const))('%s', (_, vector) => {
    const run = KINDS[vector.kind];
    if (run === undefined) throw new Error(`unknown kind ${vector.kind}`);
    run(vector.input, vector.expect);
  });
});

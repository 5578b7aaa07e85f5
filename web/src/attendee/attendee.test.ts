import { beforeEach, describe, expect, it } from 'vitest';
import { checkpoint, draw, gala, galaDraw, meeting, NOW, round, snapshot } from '../../e2e/fixtures';
import { ApiError } from '../shared/api';
import type { Message } from '../shared/state';
import { fromHex, hash, toHex, u64 } from '../shared/verifier/bytes';
import { tapRoot } from '../shared/verifier/tree';
import type { Wire } from '../wire';
import { checkpointOf, KEPT, Memory, NOTHING, readKept, withCheckpoint } from './keep';
import { goesByItself, masked, phoneOf, stageOf } from './stage';
import { canTap, currentDraw, ranksOf, standingIn, tapIn } from './standing';

const evening = gala();
const { index, pid, salt, identity, receipt, proofs } = evening.me;
const place: Wire['MyPlace'] = { index, pid, salt, identity, receipt };
const mine = (n: number): Wire['MyProof'] => ({
  ...(proofs[n] as Wire['MyProof']),
  draw: n,
  index,
  start: 0,
});
const me = (step: Wire['Me']['step']): Wire['Me'] => ({ step, name: '', phone: '', wins: [] });
const failed = (status: number): ApiError => new ApiError(status, 'x', 'x');

describe('the stage', () => {
  it('is what the server says to do next', () => {
    expect(stageOf({ me: null, error: null })).toBe('loading');
    for (const step of ['follow', 'bind', 'waiting', 'in'] as const)
      expect(stageOf({ me: me(step), error: null })).toBe(step);
  });

  it('is the log-in without a session, and stays where it was without a network', () => {
    expect(stageOf({ me: null, error: failed(401) })).toBe('login');
    expect(stageOf({ me: me('in'), error: failed(401) })).toBe('login');
    expect(stageOf({ me: me('in'), error: failed(0) })).toBe('in');
    expect(stageOf({ me: null, error: failed(0) })).toBe('failed');
    expect(stageOf({ me: null, error: failed(403) })).toBe('refused');
  });

  it('goes to the log-in by itself once', () => {
    expect(goesByItself('login', false)).toBe(true);
    expect(goesByItself('login', true)).toBe(false);
    expect(goesByItself('bind', false)).toBe(false);
  });

  it('reads phone numbers as people write them', () => {
    expect(phoneOf(' 138-0013 8000')).toBe('13800138000');
    expect(phoneOf('＋852 6123 4567')).toBe('+85261234567');
    expect(masked('13800138000')).toBe('138****8000');
    for (const wrong of ['', '1380013800', '23800138000', '+12', 'abc']) expect(phoneOf(wrong)).toBeNull();
  });
});

describe('my standing in a draw', () => {
  const draws = [1, 2, 5].map((n) => galaDraw(evening.lines, n));
  const all = { draws, rounds: [round()] };
  const one = draws[0] as (typeof draws)[number];
  const five = draws[2] as (typeof draws)[number];

  it('is proved by the path to the committed pool', () => {
    expect(standingIn(one, place, mine(1), all)).toEqual({ name: 'in', first: 8, last: 8 });
    const other = { ...one, pool: { ...one.pool, root: five.pool.root } };
    expect(standingIn(other, place, mine(1), all).name).toBe('forged');
    expect(standingIn(one, { ...place, pid: '00'.repeat(32) }, mine(1), all).name).toBe('forged');
    expect(standingIn(one, place, mine(2), all).name).toBe('forged');
  });

  it('says why not', () => {
    const after = { ...receipt, size: one.commit_seq + 1 };
    expect(standingIn(one, { ...place, index: 25, receipt: after }, undefined, all).name).toBe('late');
    expect(standingIn(one, place, undefined, all).name).toBe('checking');
    expect(standingIn(one, place, null, all).name).toBe('unproved');
    expect(standingIn(five, place, mine(5), all).name).toBe('before');
    expect(standingIn(five, place, mine(5), { draws: [five], rounds: [round()] }).name).toBe('rule');
    const open = { draws, rounds: [round({ exclude: 'none' })] };
    expect(standingIn({ ...five, round_id: 'r1' }, place, mine(5), open).name).toBe('rule');
  });

  it('is dropped when the pool was locked after my receipt and without me', () => {
    const before = { ...receipt, size: one.commit_seq };
    expect(standingIn(one, { ...place, index: 25, receipt: before }, undefined, all).name).toBe('dropped');
    expect(standingIn(one, place, null, all, true).name).toBe('refused');
  });

  it('wins by the own place in the pool', () => {
    expect(ranksOf(one, place)).toEqual([3]);
    expect(ranksOf(five, place)).toEqual([]);
  });

  it('has my tap among all taps, or says that it is missing', () => {
    const head = '11'.repeat(32);
    const indexes = [1, 4, index, 20, 23];
    const values = indexes.map((i) => toHex(new Uint8Array(32).fill(i)));
    const tapped = {
      ...one,
      commit_head: head,
      values: [{ m: 5, root: tapRoot(fromHex(head), indexes, values) }],
    };
    const leaves = indexes.map((i) => hash('mlot1/tap', fromHex(head), u64(i), new Uint8Array(32).fill(i)));
    const [a, b, , d, e] = leaves as [Uint8Array, Uint8Array, Uint8Array, Uint8Array, Uint8Array];
    const tap = {
      place: 2,
      r: values[2] as string,
      path: [d, hash('mlot1/tnode', a, b), e].map(toHex),
    };
    const proof = { ...mine(1), tap };
    const verdict = (more: object = {}) => tapIn(tapped, place, { kept: tap.r, taken: true, proof, ...more });
    expect(verdict()).toBe('counted');
    expect(verdict({ taken: false })).toBeNull();
    expect(verdict({ proof: undefined })).toBe('checking');
    expect(verdict({ kept: '00'.repeat(32) })).toBe('missing');
    expect(verdict({ proof: mine(1) })).toBe('missing');
    expect(verdict({ proof: { ...proof, tap: { ...tap, place: 3 } } })).toBe('missing');
    expect(verdict({ proof: { ...proof, tap: { ...tap, path: tap.path.slice(1) } } })).toBe('missing');
    const other = { ...place, index: index + 1 };
    expect(tapIn(tapped, other, { kept: tap.r, taken: true, proof })).toBe('missing');
  });

  it('lets me tap only while the audience’s source is open', () => {
    expect(canTap(draw())).toBe(true);
    expect(canTap(draw({ values: [{ m: 3, root: '' }] }))).toBe(false);
    expect(canTap(draw({ state: 'closed' }))).toBe(false);
    expect(canTap(draw({ sources: [] }))).toBe(false);
  });

  it('is about the open draw, else the last', () => {
    expect(currentDraw([])).toBeUndefined();
    expect(currentDraw(draws)?.draw).toBe(5);
    expect(currentDraw([draw({ draw: 6 }), five])?.draw).toBe(6);
  });
});

describe('the memory of the phone', () => {
  beforeEach(() => {
    const kept = new Map<string, string>();
    Object.assign(globalThis, {
      localStorage: {
        getItem: (key: string) => kept.get(key) ?? null,
        setItem: (key: string, value: string) => kept.set(key, value),
        removeItem: (key: string) => kept.delete(key),
      },
    });
  });

  it('makes the salt once, and a tap once per draw', () => {
    const first = new Memory('gala');
    const made = first.salt();
    expect(made).toMatch(/^[0-9a-f]{64}$/);
    expect(new Memory('gala').salt()).toBe(made);
    expect(new Memory('other').salt()).not.toBe(made);
    expect(new Memory('gala').tap(1)).toBe(first.tap(1));
    expect(first.tap(2)).not.toBe(first.tap(1));
  });

  it('keeps the first event, key and place', () => {
    const memory = new Memory('gala');
    memory.pin(meeting());
    memory.pin(meeting({ key: 'ff'.repeat(32) }));
    expect(memory.now.pin).toEqual({ event: meeting().event, key: meeting().key });
    expect(memory.place(place)).toBe(place);
    expect(memory.place({ ...place, pid: '00'.repeat(32) })).toEqual(place);
    const moved = { ...place, identity: 'wx:other', index: 9 };
    expect(memory.place(moved)).toBe(moved);
  });

  it('keeps the newest checkpoints, also two that contradict each other', () => {
    let seen: Wire['Checkpoint'][] = [];
    for (let size = 1; size <= KEPT + 5; size++) seen = withCheckpoint(seen, checkpoint(size));
    expect(seen).toHaveLength(KEPT);
    expect(seen[0]?.size).toBe(6);
    const fork = { ...checkpoint(50), head: 'ab'.repeat(32) };
    expect(withCheckpoint([checkpoint(50)], fork)).toHaveLength(2);
    expect(withCheckpoint([checkpoint(50)], checkpoint(50))).toHaveLength(1);
    expect(withCheckpoint([], { size: 1 })).toEqual([]);
  });

  it('notices a signed head that cannot follow those before it', () => {
    const memory = new Memory('gala');
    expect([memory.see(checkpoint(4)), memory.see(checkpoint(4)), memory.see(checkpoint(6))]).toEqual([
      true,
      true,
      true,
    ]);
    expect(memory.see({ ...checkpoint(6), head: 'ab'.repeat(32) })).toBe(false);
    expect(memory.see(checkpoint(5))).toBe(false);
    expect(memory.see(null)).toBe(true);
  });

  it('takes them from every message that has one', () => {
    const message = (type: string, data: unknown): Message => ({ type, data, at: NOW }) as Message;
    expect(checkpointOf(message('snapshot', snapshot()))).toEqual(checkpoint(1));
    expect(checkpointOf(message('draw', { log: checkpoint(4) }))).toEqual(checkpoint(4));
    expect(checkpointOf(message('seats', { log: checkpoint(5) }))).toEqual(checkpoint(5));
    expect(checkpointOf(message('counts', {}))).toBeNull();
  });

  it.each([null, '', '{', '[]', '{"salt":1,"seen":{},"pin":{"event":"x"},"place":{}}'])(
    'takes %s for nothing kept',
    (text) => {
      expect(readKept(text)).toEqual(NOTHING);
    },
  );
});

import { describe, expect, it } from 'vitest';
import { gala, galaDraw } from '../../e2e/fixtures';
import type { DrawView } from '../shared/state';
import { verify } from '../shared/verifier/verify';
import { gathered, movedPlace, ownAlarms, proofAlarms } from './alarms';
import type { Verdict } from './useProofs';

const evening = gala();
const { index, pid, salt, identity, receipt, proofs } = evening.me;
const place = { index, pid, salt, identity, receipt };
const known = { pin: evening.pin, seen: evening.seen, me: { ...place, proofs } };
const outcome = verify(evening.bundle, known);
const good: Verdict = { name: 'good', outcome, kept: evening.seen.length, asOf: 'revealed' };
/** The first draw of the published evening, as an honest server tells it; I won rank 3. */
const told = galaDraw(evening.lines, 1);
const codes = (draw: Partial<DrawView>, verdict: Verdict = good): string[] =>
  proofAlarms({ ...told, ...draw }, verdict, pid).map((alarm) => `${alarm.code} ${alarm.why}`);

describe('what a verified proof says against the server', () => {
  it('is nothing while it is honest', () => {
    expect(outcome.report.ok).toBe(true);
    expect(codes({})).toEqual([]);
    expect(proofAlarms(told, undefined, pid)).toEqual([]);
    expect(codes({}, { name: 'failed' })).toEqual([]);
  });

  it('is a win that was kept from me, or given to me', () => {
    const others = told.winners.filter((seat) => seat.pid !== pid);
    expect(others).toHaveLength(told.winners.length - 1);
    expect(codes({ winners: others })).toEqual(['E_WINNER denied']);
    const [first] = told.winners;
    if (first === undefined) throw new Error('no winner');
    const mine = told.winners.map((seat) => (seat === first ? { ...seat, pid } : seat));
    expect(codes({ winners: mine })).toEqual(['E_WINNER denied']);
  });

  it('is two others in each other’s place', () => {
    const [a, b, ...more] = told.winners;
    if (a === undefined || b === undefined) throw new Error('no winners');
    const swapped = [{ ...a, pid: b.pid }, { ...b, pid: a.pid }, ...more];
    expect(codes({ winners: swapped })).toEqual(['E_WINNER E_WINNER']);
  });

  it('is a commit of which something else was told', () => {
    expect(codes({ commit_code: galaDraw(evening.lines, 2).commit_code })).toEqual(['E_HEAD E_HEAD']);
    expect(codes({ pool: { ...told.pool, n: told.pool.n + 1 } })).toEqual(['E_POOL_SUM E_POOL_SUM']);
    expect(codes({ k: told.k + 1 })).toEqual(['E_COUNT E_COUNT']);
  });

  it('is a void that the log does not know, unless it came after the proof', () => {
    expect(codes({ state: 'void' }, { ...good, asOf: 'void' })).toEqual(['E_VOID E_VOID']);
    expect(codes({ state: 'void' })).toEqual([]);
  });

  it('is a signed head that was none', () => {
    expect(codes({}, { ...good, kept: evening.seen.length + 1 })).toEqual(['E_SIG E_SIG']);
  });

  it('is the code of a proof that does not hold', () => {
    const cheated = verify(evening.bundle, { ...known, seen: [{ ...evening.seen[0], size: 99 }] });
    expect(cheated.report.ok).toBe(true);
    const bad = verify({ ...evening.bundle, log: evening.bundle.log.slice(0, -1) }, known);
    expect(codes({}, { ...good, name: 'bad', outcome: bad })).toEqual(['E_HEAD E_HEAD']);
  });
});

describe('what my own place says against it', () => {
  const own = (name: 'dropped' | 'forged' | 'refused' | 'late', tap: 'missing' | null = null): string[] =>
    ownAlarms(told, place, { standing: { name }, tap }).map((alarm) => alarm.code);

  it('is my place in the pool, or my tap', () => {
    expect(own('dropped')).toEqual(['E_DROPPED']);
    expect(own('forged', 'missing')).toEqual(['E_ME_PROOF', 'E_TAPS']);
    expect(own('refused')).toEqual(['E_ME_PROOF']);
    expect(own('late')).toEqual([]);
  });

  it('is a number that is not the one on the receipt', () => {
    expect(movedPlace(place, place)).toEqual([]);
    expect(movedPlace(place, { ...place, index: index + 1 })[0]?.code).toBe('E_IDENT');
    expect(movedPlace(place, { ...place, identity: 'wx:other', index: 0 })).toEqual([]);
    const moved = { ...place, index: index + 1 };
    const alarms = ownAlarms(told, moved, { standing: { name: 'late' }, tap: null });
    expect(alarms.map((alarm) => alarm.code)).toEqual(['E_IDENT']);
  });

  it('is said once for all draws that it is about', () => {
    const one = { code: 'E_FORK', why: 'E_FORK' } as const;
    const more = [1, 2, 2].map((draw) => ({ ...one, draws: [draw] }));
    const other = { code: 'E_TAPS', why: 'E_TAPS', draws: [2] } as const;
    expect(gathered([{ ...one, draws: [] }, ...more, { ...other, draws: [2] }])).toEqual([
      { ...one, draws: [1, 2] },
      other,
    ]);
  });
});

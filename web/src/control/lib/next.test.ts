import { describe, expect, it } from 'vitest';
import type { Wire } from '../../wire';
import { holders, intentOf, nextStep, type Standing } from './next';

type Draw = Wire['DrawView'];

function round(id: string, ord: number, change: Partial<Wire['RoundView']> = {}): Wire['RoundView'] {
  return {
    id,
    ord,
    prize_id: 'p',
    name: id,
    seats: 2,
    exclude: 'event',
    group: '',
    eligible: { departments: [], groups: [] },
    award: { mode: 'none' },
    cost_fen: 0,
    sources: [{ s: 'audience' }, { s: 'dice', sides: 10, count: 12 }],
    confirm: 'host',
    status: 'ready',
    draw: null,
    version: 1,
    ...change,
  };
}

function seat(rank: number, status: Wire['SeatStatus'] = 'waiting'): Wire['SeatView'] {
  return {
    rank,
    no: rank * 10,
    pid: '00',
    name: `n${rank}`,
    department: '',
    weight: 1,
    amount_fen: 0,
    status,
    replaced_by: null,
    packet: null,
  };
}

function draw(number: number, change: Partial<Draw> = {}): Draw {
  return {
    draw: number,
    round_id: 'a',
    kind: 'main',
    parent: 0,
    prize: 'prize',
    goods: '',
    state: 'committed',
    k: 2,
    pool: { n: 5, tickets: 5, eligible: 5, max: 1, root: '' },
    sources: [{ s: 'audience' }, { s: 'dice', sides: 10, count: 12 }],
    values: [],
    taps: 0,
    commit_seq: 1,
    commit_head: '',
    commit_code: '',
    committed_at: 0,
    randomness_at: 1000,
    revealed_at: null,
    level: 'A2',
    seed: null,
    void_reason: '',
    winners: [],
    ...change,
  };
}

function standing(change: Partial<Standing> = {}): Standing {
  return {
    meeting: { status: 'open' } as Standing['meeting'],
    rounds: [round('b', 2), round('a', 1)],
    draws: [],
    scene: { name: 'lobby' },
    ...change,
  };
}

const drawn = [round('a', 1, { status: 'drawn', draw: 1 })];

describe('nextStep before a draw', () => {
  it('asks for rounds when there are none', () => {
    expect(nextStep(standing({ rounds: [] }), { now: 0 })).toEqual({ kind: 'setup' });
  });

  it('shows the first ready round by order, then commits it', () => {
    expect(nextStep(standing(), { now: 0 })).toMatchObject({ kind: 'show', round: { id: 'a' } });
    const scene = { name: 'ready', round_id: 'a' };
    expect(nextStep(standing({ scene }), { now: 0 })).toMatchObject({ kind: 'commit', round: { id: 'a' } });
  });

  it('takes the round that another host put on the screen, and before it the one picked here', () => {
    const state = standing({ scene: { name: 'ready', round_id: 'b' } });
    expect(nextStep(state, { now: 0 })).toMatchObject({ kind: 'commit', round: { id: 'b' } });
    expect(nextStep(state, { now: 0, chosen: 'a' })).toMatchObject({ kind: 'show', round: { id: 'a' } });
  });

  it('does nothing in a closed meeting', () => {
    const meeting = { status: 'closed' } as Standing['meeting'];
    expect(nextStep(standing({ meeting }), { now: 0, chosen: 'a' })).toEqual({ kind: 'closed' });
  });
});

describe('nextStep in an open draw', () => {
  it('goes before everything else, also a picked round', () => {
    const state = standing({ draws: [draw(1)] });
    expect(nextStep(state, { now: 5000, chosen: 'b' })).toMatchObject({ kind: 'taps', i: 0 });
  });

  it('waits until randomness may be closed', () => {
    const state = standing({ draws: [draw(1)] });
    expect(nextStep(state, { now: 999 })).toMatchObject({ kind: 'wait', until: 1000 });
    expect(nextStep(state, { now: 1000 })).toMatchObject({ kind: 'taps' });
  });

  it('takes the sources in order, then the result', () => {
    const taps = [{ m: 3, root: '' }];
    expect(nextStep(standing({ draws: [draw(1, { values: taps })] }), { now: 2000 })).toMatchObject({
      kind: 'dice',
      i: 1,
      sides: 10,
      count: 12,
    });
    const words = draw(1, { sources: [{ s: 'words', count: 3 }] });
    expect(nextStep(standing({ draws: [words] }), { now: 2000 })).toMatchObject({ kind: 'words', count: 3 });
    const beacon = draw(1, { sources: [{ s: 'drand', chain: 'c', round: 657_413 }] });
    expect(nextStep(standing({ draws: [beacon] }), { now: 2000 })).toMatchObject({
      kind: 'beacon',
      beacon: 657_413,
      until: 1_694_775_603_000,
    });
    const closed = draw(1, { state: 'closed' });
    expect(nextStep(standing({ draws: [closed] }), { now: 0 })).toMatchObject({ kind: 'reveal' });
  });
});

describe('nextStep after a result', () => {
  const revealed = (winners: Draw['winners'], change: Partial<Draw> = {}) =>
    draw(1, { state: 'revealed', winners, ...change });

  it('confirms winners, then draws for those set aside', () => {
    const waiting = standing({ rounds: drawn, draws: [revealed([seat(1), seat(2, 'absent')])] });
    expect(nextStep(waiting, { now: 0 })).toMatchObject({ kind: 'seats', waiting: 1, auto: false });
    const aside = standing({ rounds: drawn, draws: [revealed([seat(1, 'present'), seat(2, 'absent')])] });
    expect(nextStep(aside, { now: 0 })).toMatchObject({ kind: 'redraw', draw: { draw: 1 }, ranks: [2] });
  });

  it('leaves free seats free when a host has said so, at whichever desk', () => {
    const rounds = [round('a', 1, { status: 'drawn', draw: 1, left: true })];
    const aside = standing({ rounds, draws: [revealed([seat(1, 'present'), seat(2, 'absent')])] });
    expect(nextStep(aside, { now: 0 })).toEqual({ kind: 'summary' });
  });

  it('waits while the screen rolls: a second press pays nobody and begins nothing', () => {
    const state = (change: Partial<Draw>) =>
      standing({ draws: [revealed([seat(1)], { revealed_at: 10_000, ...change })] });
    const until = 14_800;
    for (const kind of ['main', 'redraw', 'test'] as const)
      expect(nextStep(state({ kind }), { now: until - 1, chosen: 'b' })).toMatchObject({
        kind: 'wait',
        until,
      });
    const main = { ...state({}), rounds: drawn };
    expect(nextStep(main, { now: until - 1 })).toMatchObject({ kind: 'wait' });
    expect(nextStep(main, { now: until })).toMatchObject({ kind: 'seats', waiting: 1 });
  });

  it('asks for the replacement, and redraws from the main draw when that one is away too', () => {
    const main = revealed([seat(1, 'present'), seat(2, 'absent')]);
    const again = (status: Wire['SeatStatus']) =>
      standing({
        rounds: drawn,
        draws: [main, draw(2, { kind: 'redraw', parent: 1, state: 'revealed', winners: [seat(2, status)] })],
      });
    expect(nextStep(again('waiting'), { now: 0 })).toMatchObject({ kind: 'seats', draw: { draw: 2 } });
    expect(nextStep(again('declined'), { now: 0 })).toMatchObject({
      kind: 'redraw',
      draw: { draw: 1 },
      ranks: [2],
    });
    expect(nextStep(again('present'), { now: 0 })).toEqual({ kind: 'summary' });
  });

  it('does not count a void redraw', () => {
    const main = revealed([seat(1, 'absent')]);
    const void2 = draw(2, { kind: 'redraw', parent: 1, state: 'void', winners: [seat(1, 'present')] });
    expect(holders([main, void2], main).map(({ draw: from }) => from.draw)).toEqual([1]);
  });

  it('ends with the summary', () => {
    const state = standing({ rounds: drawn, draws: [revealed([seat(1, 'present')])] });
    expect(nextStep(state, { now: 0 })).toEqual({ kind: 'summary' });
    expect(nextStep({ ...state, scene: { name: 'summary' } }, { now: 0 })).toEqual({ kind: 'done' });
  });
});

describe('intentOf', () => {
  it('is the same for the same press and another one for the next source', () => {
    const at = (values: Draw['values']) =>
      nextStep(standing({ draws: [draw(1, { values })] }), { now: 2000 });
    expect(intentOf(at([]))).toBe(intentOf(at([])));
    expect(intentOf(at([]))).not.toBe(intentOf(at([{ m: 0, root: '' }])));
  });
});

import { describe, expect, it } from 'vitest';
import type { Wire } from '../../wire';
import { costOf, draftOf, emptyDraft, names, roundOf, whole, yuanText } from './draft';

describe('a draft round', () => {
  it('becomes what the server takes, money exactly in fen', () => {
    const draft = { ...emptyDraft('p', true), seats: '3', yuan: '8.88', departments: '研发，市场、研发' };
    expect(roundOf(draft)).toEqual({
      prize_id: 'p',
      seats: 3,
      exclude: 'event',
      group: '',
      eligible: { departments: ['研发', '市场'], groups: [] },
      award: { mode: 'fixed', fen: 888 },
      sources: [{ s: 'audience' }, { s: 'dice', sides: 10, count: 12 }],
      confirm: 'host',
    });
    expect(costOf(draft)).toBe(2664);
    expect(costOf({ ...draft, mode: 'split', yuan: '1000' })).toBe(100_000);
  });

  it('is nothing while an amount or a number is none', () => {
    const draft = { ...emptyDraft('p', true), yuan: '8.88' };
    for (const bad of [
      { yuan: '8.888' },
      { yuan: '' },
      { seats: '0' },
      { seats: '1.5' },
      { sides: '1' },
      { prize_id: '' },
    ])
      expect(roundOf({ ...draft, ...bad })).toBeNull();
  });

  it('comes back the same from a round', () => {
    const round: Wire['RoundView'] = {
      id: 'r',
      prize_id: 'p',
      name: 'n',
      seats: 20,
      exclude: 'group',
      group: 'g1',
      eligible: { departments: ['a', 'b'], groups: ['c'] },
      award: { mode: 'split', fen: 100_001, min_fen: 100 },
      cost_fen: 100_001,
      sources: [
        { s: 'dice', sides: 6, count: 16 },
        { s: 'words', count: 4 },
      ],
      confirm: 'auto',
      ord: 0,
      status: 'ready',
      draw: null,
      version: 1,
    };
    const { seats, exclude, group, eligible, award, sources, confirm } = round;
    expect(roundOf(draftOf(round))).toEqual({
      prize_id: 'p',
      name: 'n',
      seats,
      exclude,
      group,
      eligible,
      award,
      sources,
      confirm,
    });
  });
});

describe('small parsers', () => {
  it('read names, whole numbers and money', () => {
    expect(names(' 甲,乙、丙\n丁；甲 ,')).toEqual(['甲', '乙', '丙', '丁']);
    expect([whole('12', 1, 20), whole('21', 1, 20), whole('-1', 1, 20), whole('', 0, 9)]).toEqual([
      12,
      null,
      null,
      null,
    ]);
    expect([yuanText(888), yuanText(8800), yuanText(5), yuanText(0)]).toEqual(['8.88', '88', '0.05', '0']);
  });
});

import { describe, expect, it } from 'vitest';
import { draftOf, momentOf, rulesOf, typedTime } from './draft';

describe('the form of a campaign', () => {
  it('takes times of China whatever the zone of the browser', () => {
    expect(momentOf('2026-11-23T12:00')).toBe(1_795_406_400_000);
    expect(typedTime(1_795_406_400_000)).toBe('2026-11-23T12:00');
    expect([momentOf(''), typedTime(null)]).toEqual([null, '']);
  });

  it('reads back what it wrote', () => {
    const draft = draftOf(null);
    expect(rulesOf(draft)).toBeNull();
    draft.each = '8.88';
    const rules = rulesOf(draft);
    expect(rules?.amount).toEqual({ mode: 'fixed', fen: 888 });
    expect(rules?.fields).toEqual([{ field: 'order_no', required: true }]);
    if (rules === null) throw new Error('no rules');
    const campaign = {
      id: 'c',
      name: '促销',
      status: 'open' as const,
      rules,
      budget: '',
      budget_left_fen: 0,
      created_at: 0,
      version: 1,
    };
    expect(rulesOf(draftOf(campaign))).toEqual(rules);
  });

  it('waits for every row of a table', () => {
    const draft = { ...draftOf(null), mode: 'table' as const, rows: [{ name: '大单', each: '20' }] };
    expect(rulesOf(draft)?.amount).toEqual({ mode: 'table', rows: [{ name: '大单', fen: 2_000 }] });
    draft.rows.push({ name: '小单', each: '' });
    expect(rulesOf(draft)).toBeNull();
  });
});

import { parseYuan } from '../../shared/format';
import type { Wire } from '../../wire';
import { yuanText } from '../prizes/draft';

export const FIELDS = ['order_no', 'shop', 'product', 'note'] as const;
export type Ask = 'no' | 'optional' | 'required';

/** The form of a campaign, as it is typed. */
export interface Draft {
  name: string;
  mode: 'fixed' | 'table';
  each: string;
  rows: { name: string; each: string }[];
  perPerson: number;
  photosMin: number;
  photosMax: number;
  starts: string;
  ends: string;
  asks: Record<(typeof FIELDS)[number], Ask>;
  second: string;
  budget: string;
  intro: string;
}

/** China has no summer time: what is typed is eight hours ahead of UTC. */
const ZONE = '+08:00';

/** A moment as the browser's own field takes it: `2026-11-26T20:00`, in China. */
export function typedTime(ms: number | null | undefined): string {
  if (!ms) return '';
  return new Date(ms + 8 * 3_600_000).toISOString().slice(0, 16);
}

/** The moment that was typed, `null` when none was. */
export function momentOf(typed: string): number | null {
  const ms = typed === '' ? Number.NaN : Date.parse(`${typed}:00${ZONE}`);
  return Number.isNaN(ms) ? null : ms;
}

export function draftOf(campaign: Wire['VoucherCampaignView'] | null): Draft {
  const rules = campaign?.rules;
  const amount = rules?.amount;
  const ask = (field: Wire['VoucherField']): Ask => {
    const found = rules?.fields.find((one) => one.field === field);
    if (rules === undefined) return field === 'order_no' ? 'required' : 'no';
    if (found === undefined) return 'no';
    return found.required ? 'required' : 'optional';
  };
  return {
    name: campaign?.name ?? '',
    mode: amount?.mode ?? 'fixed',
    each: amount?.mode === 'fixed' ? yuanText(amount.fen) : '',
    rows:
      amount?.mode === 'table'
        ? amount.rows.map(({ name, fen }) => ({ name, each: yuanText(fen) }))
        : [{ name: '', each: '' }],
    perPerson: rules?.per_person ?? 1,
    photosMin: rules?.photos_min ?? 1,
    photosMax: rules?.photos_max ?? 3,
    starts: typedTime(rules?.starts_at),
    ends: typedTime(rules?.ends_at),
    asks: { order_no: ask('order_no'), shop: ask('shop'), product: ask('product'), note: ask('note') },
    second: rules?.second_review_fen ? yuanText(rules.second_review_fen) : '',
    budget: rules?.budget_id ?? '',
    intro: rules?.intro ?? '',
  };
}

/** The rules that were typed, `null` while an amount is missing or wrong. */
export function rulesOf(draft: Draft): Wire['VoucherRules'] | null {
  const rows = draft.rows.map(({ name, each }) => ({ name: name.trim(), fen: parseYuan(each) }));
  const each = parseYuan(draft.each);
  const second = draft.second.trim() === '' ? null : parseYuan(draft.second);
  if (draft.second.trim() !== '' && second === null) return null;
  let amount: Wire['VoucherAmount'];
  if (draft.mode === 'fixed') {
    if (each === null) return null;
    amount = { mode: 'fixed', fen: each };
  } else {
    const whole = rows.flatMap(({ name, fen }) => (name === '' || fen === null ? [] : [{ name, fen }]));
    if (whole.length !== rows.length || rows.length === 0) return null;
    amount = { mode: 'table', rows: whole };
  }
  return {
    amount,
    per_person: draft.perPerson,
    photos_min: draft.photosMin,
    photos_max: draft.photosMax,
    starts_at: momentOf(draft.starts),
    ends_at: momentOf(draft.ends),
    fields: FIELDS.filter((field) => draft.asks[field] !== 'no').map((field) => ({
      field,
      required: draft.asks[field] === 'required',
    })),
    second_review_fen: second,
    budget_id: draft.budget || null,
    intro: draft.intro.trim(),
  };
}

import { parseYuan } from '../../shared/format';
import type { Wire } from '../../wire';

/** A round as it stands in the form: everything is text until it is sent. */
export interface Draft {
  prize_id: string;
  name: string;
  seats: string;
  exclude: Wire['Exclude'];
  group: string;
  departments: string;
  groups: string;
  mode: Wire['Award']['mode'];
  yuan: string;
  min: string;
  audience: boolean;
  dice: boolean;
  sides: string;
  diceCount: string;
  words: boolean;
  wordsCount: string;
  drand: boolean;
  confirm: Wire['Confirm'];
}

/** Fen as it is typed into a form: 888 → "8.88", 8800 → "88". */
export function yuanText(fen: number): string {
  const digits = String(fen).padStart(3, '0');
  const cents = digits.slice(-2);
  return cents === '00' ? digits.slice(0, -2) : `${digits.slice(0, -2)}.${cents}`;
}

/** Names divided by commas of any kind or lines. */
export function names(text: string): string[] {
  return [...new Set(text.split(/[,，、;；\n]+/).map((name) => name.trim()))].filter((name) => name !== '');
}

/** A whole number within its bounds, `null` for anything else. */
export function whole(text: string, least: number, most: number): number | null {
  if (!/^\s*\d{1,9}\s*$/.test(text)) return null;
  const value = Number(text);
  return value >= least && value <= most ? value : null;
}

export function emptyDraft(prize: string, cash: boolean): Draft {
  return {
    prize_id: prize,
    name: '',
    seats: '1',
    exclude: 'event',
    group: '',
    departments: '',
    groups: '',
    mode: cash ? 'fixed' : 'none',
    yuan: '',
    min: '1',
    audience: true,
    dice: true,
    sides: '10',
    diceCount: '12',
    words: false,
    wordsCount: '3',
    drand: false,
    confirm: 'host',
  };
}

export function draftOf(round: Wire['RoundView']): Draft {
  const { award, sources } = round;
  const draft = emptyDraft(round.prize_id, false);
  const dice = sources.find((source) => source.s === 'dice');
  const words = sources.find((source) => source.s === 'words');
  return {
    ...draft,
    name: round.name,
    seats: String(round.seats),
    exclude: round.exclude,
    group: round.group,
    departments: (round.eligible.departments ?? []).join('，'),
    groups: (round.eligible.groups ?? []).join('，'),
    mode: award.mode,
    yuan: award.mode === 'none' ? '' : yuanText(award.fen),
    min: award.mode === 'split' ? yuanText(award.min_fen) : draft.min,
    audience: sources.some((source) => source.s === 'audience'),
    dice: dice !== undefined,
    sides: dice?.s === 'dice' ? String(dice.sides) : draft.sides,
    diceCount: dice?.s === 'dice' ? String(dice.count) : draft.diceCount,
    words: words !== undefined,
    wordsCount: words?.s === 'words' ? String(words.count) : draft.wordsCount,
    drand: sources.some((source) => source.s === 'drand'),
    confirm: round.confirm,
  };
}

function awardOf(draft: Draft): Wire['Award'] | null {
  if (draft.mode === 'none') return { mode: 'none' };
  const fen = parseYuan(draft.yuan);
  if (fen === null) return null;
  if (draft.mode === 'fixed') return { mode: 'fixed', fen };
  const min = parseYuan(draft.min);
  return min === null ? null : { mode: 'split', fen, min_fen: min };
}

/** Sources in the order in which they are closed (draw protocol §7). */
function sourcesOf(draft: Draft): Wire['Source'][] | null {
  const out: Wire['Source'][] = [];
  if (draft.audience) out.push({ s: 'audience' });
  if (draft.dice) {
    const sides = whole(draft.sides, 2, 100);
    const count = whole(draft.diceCount, 1, 100);
    if (sides === null || count === null) return null;
    out.push({ s: 'dice', sides, count });
  }
  if (draft.words) {
    const count = whole(draft.wordsCount, 1, 20);
    if (count === null) return null;
    out.push({ s: 'words', count });
  }
  // Which of its rounds is settled by the server at the commit.
  if (draft.drand) out.push({ s: 'drand' });
  return out;
}

/** What is sent, `null` while something is missing or no number. */
export function roundOf(draft: Draft): Wire['NewRound'] | null {
  const seats = whole(draft.seats, 1, 100_000);
  const award = awardOf(draft);
  const sources = sourcesOf(draft);
  if (draft.prize_id === '' || seats === null || award === null || sources === null) return null;
  const name = draft.name.trim();
  return {
    prize_id: draft.prize_id,
    ...(name === '' ? {} : { name }),
    seats,
    exclude: draft.exclude,
    group: draft.exclude === 'group' ? draft.group.trim() : '',
    eligible: { departments: names(draft.departments), groups: names(draft.groups) },
    award,
    sources,
    confirm: draft.confirm,
  };
}

/** What the round can cost, fen. */
export function costOf(draft: Draft): number | null {
  const round = roundOf(draft);
  if (round?.award === undefined || round.award.mode === 'none') return null;
  return round.award.mode === 'fixed' ? round.award.fen * round.seats : round.award.fen;
}

/** Most winners on one page. */
export const PAGE = 450;

/** Wider than this, the hall has a band of screens (32:9) and rows may be twice as long. */
const BAND = 2.6;

export interface Grid {
  columns: number;
  rows: number;
}

/** Up to here cards have their usual rows; more take the rows that leave them largest. */
const HUNDRED = 100;
/** Width of a small card over its height: a name of three characters and its number below. */
const SMALL_CARD = 1.75;

function denseGrid(count: number, aspect: number): Grid {
  let best: Grid = { columns: count, rows: 1 };
  let largest = 0;
  for (let columns = 8; columns <= count; columns++) {
    const rows = Math.ceil(count / columns);
    const size = Math.min(aspect / columns / SMALL_CARD, 1 / rows);
    if (size > largest) {
      largest = size;
      best = { columns, rows };
    }
  }
  return best;
}

/** A place for a card, px from the top left of the surface. */
export interface Place {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** Places of so many winners on a surface, in the middle of it; the last row too stands in the middle. */
export function winnersPlaces(count: number, width: number, height: number, unit: number): Place[] {
  if (count === 0 || width <= 0 || height <= 0) return [];
  const { columns, rows } = winnersGrid(count, width / height);
  const gap = unit * (columns > 10 ? 0.5 : columns > 5 ? 0.8 : 1.6);
  const wide = Math.min((width - gap * (columns - 1)) / columns, unit * (columns === 1 ? 150 : 76));
  const high = Math.min((height - gap * (rows - 1)) / rows, unit * (columns > 1 ? 46 : 100));
  const top = (height - rows * high - (rows - 1) * gap) / 2;
  return Array.from({ length: count }, (_, i) => {
    const row = Math.floor(i / columns);
    const inRow = row === rows - 1 ? count - row * columns : columns;
    const left = (width - inRow * wide - (inRow - 1) * gap) / 2;
    return { x: left + (i % columns) * (wide + gap), y: top + row * (high + gap), width: wide, height: high };
  });
}

/** Columns and rows for so many winners on a surface of an aspect (width / height). */
export function winnersGrid(count: number, aspect: number): Grid {
  if (count <= 1) return { columns: 1, rows: 1 };
  if (count <= 5) return { columns: count, rows: 1 };
  if (count > HUNDRED) return denseGrid(count, aspect);
  const band = aspect >= BAND;
  let columns = band ? 20 : 10;
  if (count <= 20) columns = band ? 10 : 5;
  // As many rows as that takes, filled alike: six stand three by three, and nobody alone in the last row.
  const rows = Math.ceil(count / columns);
  return { columns: Math.ceil(count / rows), rows };
}

/** Each page of all winners stands for so long, ms: time for a photograph that is evidence. */
export const ALL_MS = 10_000;
/** Then larger cards pass: one row in so many ms, with a rest at both ends. */
export const ROW_MS = 1_700;
export const REST_MS = 3_000;
/** Where nothing may move, so many larger cards stand for so long. */
const STILL_MS = 9_000;

/** What of the winners is seen. `at` counts ms since the part began, `length` is how many ms it lasts. */
export type Part =
  | { kind: 'all'; page: number; pages: number; size: number }
  | { kind: 'pass'; at: number; length: number }
  | { kind: 'still'; page: number; pages: number; size: number };

/** Columns and rows that stand at a time when more than a hundred pass. */
export function passGrid(aspect: number): Grid {
  return aspect >= BAND ? { columns: 20, rows: 5 } : { columns: 10, rows: 10 };
}

/** Rows by which so many cards pass. */
export function passRows(count: number, { columns, rows }: Grid): number {
  return Math.max(0, Math.ceil(count / columns) - rows);
}

/** How far they have passed, in rows. */
export function passedRows(at: number, rows: number): number {
  return Math.min(rows, Math.max(0, (at - REST_MS) / ROW_MS));
}

/**
 * What of so many winners is seen `elapsed` ms after they were told: all of them, small, for a photograph; then, when they
 * are more than a hundred, larger ones that pass (`still`: in pages); and again. The same on all screens.
 */
export function partAt(
  count: number,
  elapsed: number,
  { rows, still }: { rows: number; still: boolean },
): Part {
  const pages = Math.max(1, Math.ceil(count / PAGE));
  if (count <= HUNDRED) return { kind: 'all', page: 0, pages: 1, size: PAGE };
  const large = Math.ceil(count / HUNDRED);
  const length = still ? large * STILL_MS : rows * ROW_MS + 2 * REST_MS;
  const at = Math.max(0, elapsed) % (pages * ALL_MS + length);
  if (at < pages * ALL_MS) return { kind: 'all', page: Math.floor(at / ALL_MS), pages, size: PAGE };
  const since = at - pages * ALL_MS;
  if (!still) return { kind: 'pass', at: since, length };
  return { kind: 'still', page: Math.floor(since / STILL_MS), pages: large, size: HUNDRED };
}

/** Places of cards that pass, from the top of the first row; only `height` of them is seen. */
export function passPlaces(count: number, width: number, height: number, unit: number): Place[] {
  const { columns, rows } = passGrid(width / Math.max(1, height));
  const gap = unit * (columns > 10 ? 0.5 : 0.8);
  const wide = (width - gap * (columns - 1)) / columns;
  const high = (height - gap * (rows - 1)) / rows;
  return Array.from({ length: count }, (_, i) => ({
    x: (i % columns) * (wide + gap),
    y: Math.floor(i / columns) * (high + gap),
    width: wide,
    height: high,
  }));
}

/** Winners in pages. */
export function pagesOf<T>(items: readonly T[], size = PAGE): T[][] {
  const pages: T[][] = [];
  for (let at = 0; at < items.length; at += size) pages.push(items.slice(at, at + size));
  return pages.length === 0 ? [[]] : pages;
}

/** Page that is shown at a moment, the same on all screens: `since` and `now` are the server's clock, ms. */
export function pageAt(pages: number, since: number, now: number, each: number): number {
  return Math.floor(Math.max(0, now - since) / each) % Math.max(1, pages);
}

/** Width of a text in em, about: wide for Chinese, Japanese, Korean and emoji, narrow for Latin. */
export function roughWidth(text: string): number {
  let width = 0;
  for (const char of text) {
    const code = char.codePointAt(0) ?? 0;
    const mark = code >= 0x300 && code < 0x370;
    if (mark) continue;
    if (code >= 0x1100) width += 1;
    else if (/[A-ZMWmw@]/.test(char)) width += 0.78;
    else width += char === ' ' ? 0.3 : 0.58;
  }
  return width;
}

export interface Fitted {
  /** Font size, px. */
  size: number;
  lines: string[];
}

export interface Room {
  width: number;
  height: number;
  /** Largest font size, px. */
  most: number;
}

const LINE = 1.18;
/** A name on one line may shrink to this part of what two lines would allow before it wraps. */
const PREFER_ONE = 0.7;
/** Words may shrink to this part of what breaking them would allow. */
const PREFER_WHOLE = 0.3;

/** Letters and signs of scripts that write words: Latin with all its marks, Greek, Cyrillic, figures. */
const WORD = String.raw`[\u0021-\u002c\u002e-\u00b6\u00b8-\u052f\u1e00-\u1fff\u2018\u2019]|\p{M}`;
/** Stand at the end of a line, never at the beginning of one: the dots inside names, and hyphens. */
const TAIL = String.raw`[\u00b7\u2022\u2027\u2010\u2011\u30fb\u002d]`;
const PIECE = new RegExp(`(?:(?:${WORD})+|\\S\\p{M}*)${TAIL}*\\s*|\\s+`, 'gu');

/** Names in parts with dots between them, 古丽娜扎尔·拜合提亚尔: read part by part, whatever their script. */
const DOTTED = /\S[\u00b7\u2022\u2027\u30fb]\S/u;
const PART = new RegExp(`(?:(?!${TAIL})\\S)+${TAIL}*\\s*|${TAIL}+\\s*|\\s+`, 'gu');

/** Pieces between which a line may break: words of Latin with their space, parts of a name, single characters otherwise. */
function pieces(text: string): string[] {
  return text.match(DOTTED.test(text) ? PART : PIECE) ?? [];
}

/** Pieces of a text; with `split` a word longer than `ems` breaks anywhere. */
function parts(text: string, ems: number, measure: (text: string) => number, split: boolean): string[] {
  const whole = pieces(text);
  if (!split) return whole;
  return whole.flatMap((piece) => (measure(piece.trimEnd()) > ems ? [...piece] : [piece]));
}

function wrap(parts: readonly string[], ems: number, measure: (text: string) => number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const part of parts) {
    if (line !== '' && measure((line + part).trimEnd()) > ems) {
      lines.push(line.trimEnd());
      line = '';
    }
    line += part;
  }
  if (line.trim() !== '') lines.push(line.trimEnd());
  return lines;
}

/** The same parts on so many lines, each about as wide as the others: no letter stands alone on the last. */
function even(parts: readonly string[], count: number, measure: (text: string) => number): string[] {
  const widths = parts.map(measure);
  const lines: string[] = [];
  let left = widths.reduce((sum, width) => sum + width, 0);
  let from = 0;
  for (let more = count - 1; more > 0; more--) {
    const target = left / (more + 1);
    let to = from;
    let width = 0;
    for (; to < parts.length - more; to++) {
      const next = widths[to] ?? 0;
      if (to > from && width + next / 2 > target) break;
      width += next;
    }
    lines.push(parts.slice(from, to).join('').trimEnd());
    left -= width;
    from = to;
  }
  return [...lines, parts.slice(from).join('').trimEnd()];
}

/** Largest size at which the wrapped text fits, by halving. */
function wrapped(text: string, room: Room, measure: (text: string) => number, split: boolean): Fitted {
  const at = (size: number) => parts(text, room.width / size, measure, split);
  const fits = (lines: readonly string[], size: number): boolean =>
    lines.length * size * LINE <= room.height && lines.every((line) => measure(line) * size <= room.width);
  let low = 1;
  let high = room.most;
  let lines = wrap(at(low), room.width / low, measure);
  for (let step = 0; step < 12; step++) {
    const size = (low + high) / 2;
    const next = wrap(at(size), room.width / size, measure);
    if (fits(next, size)) {
      lines = next;
      low = size;
    } else {
      high = size;
    }
  }
  const evened = even(at(low), lines.length, measure);
  return { size: low, lines: fits(evened, low) ? evened : lines };
}

/** A text that is never cut: as large as it may be on one line, smaller when long, on more lines when longer. */
export function fitText(text: string, room: Room, measure: (text: string) => number = roughWidth): Fitted {
  const most = Math.min(room.most, room.height / LINE);
  const one = Math.min(most, room.width / Math.max(measure(text), 0.01));
  // Most names: no need to look at what more lines would allow.
  if (one === most) return { size: one, lines: [text] };
  const whole = wrapped(text, room, measure, false);
  const split = whole.size < most ? wrapped(text, room, measure, true) : whole;
  const more = whole.size >= split.size * PREFER_WHOLE ? whole : split;
  return one >= more.size * PREFER_ONE ? { size: one, lines: [text] } : more;
}

/** Of the largest, how small the size may become that all names of a page share. */
const SHARED = 0.7;

/** Names of one page: all of one size but those that fit only smaller. */
export function fitTexts(
  texts: readonly string[],
  room: Room,
  measure: (text: string) => number = roughWidth,
): Fitted[] {
  const each = texts.map((text) => fitText(text, room, measure));
  const sizes = each.map(({ size }) => size);
  const shared = Math.max(Math.min(...sizes), SHARED * Math.max(...sizes));
  return each.map((one, i) => {
    if (one.size <= shared) return one;
    return fitText(texts[i] ?? '', { ...room, most: shared }, measure);
  });
}

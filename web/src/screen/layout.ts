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
  columns = Math.min(columns, count);
  return { columns, rows: Math.ceil(count / columns) };
}

/** Winners in pages of at most 100. */
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
const PREFER_ONE = 0.62;

/** Pieces between which a line may break: words of Latin with their space, single characters otherwise. */
function pieces(text: string): string[] {
  return text.match(/(?:[\u0021-\u024f\u0400-\u04ff]|\p{M})+\s*|\s+|\S/gu) ?? [];
}

function wrap(text: string, ems: number, measure: (text: string) => number): string[] {
  const lines: string[] = [];
  let line = '';
  const put = (part: string): void => {
    if (line !== '' && measure((line + part).trimEnd()) > ems) {
      lines.push(line.trimEnd());
      line = '';
    }
    line += part;
  };
  for (const piece of pieces(text)) {
    // A word longer than a line breaks anywhere rather than not at all.
    if (measure(piece.trimEnd()) > ems) for (const char of piece) put(char);
    else put(piece);
  }
  if (line.trim() !== '') lines.push(line.trimEnd());
  return lines;
}

/** Largest size at which the wrapped text fits, by halving. */
function wrapped(text: string, room: Room, measure: (text: string) => number): Fitted {
  let low = 1;
  let high = room.most;
  let best: Fitted = { size: low, lines: wrap(text, room.width / low, measure) };
  for (let step = 0; step < 12; step++) {
    const size = (low + high) / 2;
    const lines = wrap(text, room.width / size, measure);
    const fits =
      lines.length * size * LINE <= room.height && lines.every((line) => measure(line) * size <= room.width);
    if (fits) {
      best = { size, lines };
      low = size;
    } else {
      high = size;
    }
  }
  return best;
}

/** A text that is never cut: as large as it may be on one line, smaller when long, on more lines when longer. */
export function fitText(text: string, room: Room, measure: (text: string) => number = roughWidth): Fitted {
  const one = Math.min(room.most, room.height / LINE, room.width / Math.max(measure(text), 0.01));
  const more = wrapped(text, room, measure);
  return one >= more.size * PREFER_ONE ? { size: one, lines: [text] } : more;
}

import type { Wire } from '../../wire';
import { type Beat, flight, hash, SPIN_MS, settle, smooth, way } from './motion';
import type { Box } from './names';
import { type Color, NAME, type Quads } from './quads';

/** What a style draws with. Places are in half heights of the stage, the middle is 0, up is positive. */
export interface Scene {
  beat: Beat;
  aspect: number;
  /** Names in the texture, and where. */
  names: readonly Box[];
  /** Winners that are known, at most as many as have names of their own. */
  winners: number;
  /** All winners of the draw. */
  k: number;
  hero: (i: number) => Box;
  seed: number;
  /** Nothing moves. */
  still?: boolean;
  colors: { ink: Color; accent: Color; accentInk: Color; chip: Color; panel: Color; soft: Color };
}

export type StyleName = Wire['ShowStyle'];

/** Where a winner comes from: place, size of its letters, width. */
export interface Start {
  x: number;
  y: number;
  em: number;
  width: number;
}

/** Names that a flat style keeps at hand: more are not seen in one draw. */
export const FLAT_NAMES = 400;
const MIDDLE: Start = { x: 0, y: 0, em: 0.06, width: 0.3 };

function pick(scene: Scene, a: number, b: number): Box {
  const { names, seed } = scene;
  return names[Math.floor(hash(seed + a * 7919, b) * names.length)] ?? [0, 0, 0, 0];
}

// --- Rows of names that run across ---

const ROWS = 6;
const ROW = 2 / (ROWS + 0.6);
const CELL = 0.94;

/** Cells that a row has moved at a beat; every other row runs the other way. */
function shift(row: number, beat: Beat): number {
  const speed = (0.75 + 0.5 * hash(row, 5)) * (row % 2 === 0 ? 1 : -1);
  return way(beat) * speed;
}

/** Row and cell of each winner once everything stands: in rows from the middle, near the centre of the frame. */
export function rowSeats(winners: number, aspect: number, beat: Beat): { row: number; cell: number }[] {
  const order = [2, 3, 1, 4, 0, 5];
  const columns = Math.max(1, Math.floor((2 * aspect) / CELL) - 1);
  const end: Beat = { ...beat, pace: 'reveal', now: beat.since + SPIN_MS };
  const count = Math.min(winners, columns * ROWS);
  return Array.from({ length: count }, (_, i) => {
    const row = order[i % ROWS] ?? 0;
    const column = Math.floor(i / ROWS);
    const from = (column % 2 === 0 ? 1 : -1) * Math.ceil(column / 2);
    return { row, cell: Math.round(from - shift(row, end)) };
  });
}

function rowY(row: number): number {
  return 1 - 0.3 * ROW - ROW * (row + 0.5);
}

export function scroll(quads: Quads, scene: Scene): void {
  const { beat, aspect, colors } = scene;
  const seats = beat.pace === 'reveal' ? rowSeats(scene.winners, aspect, beat) : [];
  const taken = new Map(seats.map(({ row, cell }, i) => [`${row}:${cell}`, i]));
  const gone = 1 - smooth(flight(beat) * 2);
  for (let row = 0; row < ROWS; row++) {
    const moved = shift(row, beat);
    const first = Math.floor(-aspect / CELL - moved) - 1;
    for (let cell = first; (cell + moved) * CELL < aspect + CELL; cell++) {
      const x = (cell + moved) * CELL;
      const winner = taken.get(`${row}:${cell}`);
      if (winner !== undefined && flight(beat) > 0) continue;
      const lit = winner !== undefined && beat.now - beat.since > SPIN_MS - 300;
      const alpha = gone * (0.55 + 0.45 * (1 - Math.abs(x) / (aspect + 0.2)));
      quads.plain(
        x,
        rowY(row),
        CELL * 0.95,
        ROW * 0.84,
        lit ? colors.accent : colors.chip,
        lit ? gone : 0.85 * alpha,
      );
      const box = winner === undefined ? pick(scene, row + 1, cell) : scene.hero(winner);
      const color = lit ? colors.accentInk : hash(row, cell) > 0.7 ? colors.soft : colors.ink;
      quads.name(winner === undefined ? NAME : 2, box, x, rowY(row), ROW * 0.5, CELL * 0.86, color, alpha);
    }
  }
}

function scrollStart(i: number, scene: Scene): Start {
  const seat = rowSeats(scene.winners, scene.aspect, scene.beat)[i];
  if (seat === undefined) return MIDDLE;
  const end: Beat = { ...scene.beat, now: scene.beat.since + SPIN_MS };
  return {
    x: (seat.cell + shift(seat.row, end)) * CELL,
    y: rowY(seat.row),
    em: ROW * 0.5,
    width: CELL * 0.86,
  };
}

// --- Reels that stop one after another ---

export const MAX_REELS = 5;
const REEL_SPEED = 8;
const SHOWN = 5;

export interface Reel {
  /** Rows that it has turned. */
  at: number;
  /** Row at which it stops; not known before the result. */
  end: number | null;
}

export function reels(k: number): number {
  return k >= 1 && k <= MAX_REELS ? k : MAX_REELS;
}

/** Where reel `i` of `count` stands: it turns evenly, then faster, then slower until its own time to stop. */
export function reelAt(i: number, count: number, { pace, now, since }: Beat): Reel {
  if (pace !== 'reveal') return { at: (now / 1000) * (pace === 'idle' ? 0.8 : REEL_SPEED), end: null };
  const stop = SPIN_MS - 1_500 + (1_400 * (i + 1)) / count;
  const from = (since / 1000) * REEL_SPEED;
  const end = Math.ceil(from + (stop / 1000) * REEL_SPEED * 1.35);
  const t = Math.min(1, Math.max(0, (now - since) / stop));
  return { at: from + (end - from) * (1 - (1 - t) ** 1.7), end };
}

function reelX(i: number, count: number, aspect: number): { x: number; width: number } {
  const width = Math.min((2 * aspect * 0.94) / count, count === 1 ? 2.2 : 1.25);
  return { x: (i - (count - 1) / 2) * width, width };
}

const REEL_HALF = 0.8;

export function slot(quads: Quads, scene: Scene): void {
  const { beat, aspect, colors, winners, k } = scene;
  const count = reels(k);
  const gone = 1 - smooth(flight(beat) * 2);
  for (let i = 0; i < count; i++) {
    const { x, width } = reelX(i, count, aspect);
    const { at, end } = reelAt(i, count, beat);
    const known = winners > 0 && winners <= MAX_REELS && k === count;
    const still = end !== null && at >= end - 0.02;
    quads.plain(x, 0, width * 0.96 + 0.016, REEL_HALF * 2 + 0.016, colors.accent, 0.85 * gone);
    quads.plain(x, 0, width * 0.96, REEL_HALF * 2, colors.panel, gone);
    quads.plain(x, 0, width * 0.96, REEL_HALF * 0.42, still && known ? colors.accent : colors.chip, gone);
    for (let row = Math.floor(at) - 3; row <= Math.floor(at) + 4; row++) {
      const angle = ((row - at) / SHOWN) * Math.PI * 1.05;
      if (Math.abs(angle) > 1.45) continue;
      const size = Math.cos(angle);
      const won = known && row === end;
      if (won && flight(beat) > 0) continue;
      const middle = Math.abs(row - at) < 0.5;
      const color = middle ? (still && known ? colors.accentInk : colors.soft) : colors.ink;
      const box = won ? scene.hero(i) : pick(scene, i + 11, row);
      const y = -Math.sin(angle) * REEL_HALF * 0.94;
      const em = (count === 1 ? 0.3 : 0.23) * size;
      quads.name(
        won ? 2 : NAME,
        box,
        x,
        y,
        em,
        width * 0.86,
        color,
        (middle ? 1 : 0.25 + 0.5 * size * size) * gone,
      );
    }
  }
}

function slotStart(i: number, { k, winners, aspect }: Scene): Start {
  const count = reels(k);
  if (winners > MAX_REELS || k !== count) return MIDDLE;
  const { x, width } = reelX(i, count, aspect);
  return { x, y: 0, em: count === 1 ? 0.3 : 0.23, width: width * 0.86 };
}

// --- A wall of cards that turn over ---

export interface CardGrid {
  columns: number;
  rows: number;
  width: number;
  height: number;
}

export function cardGrid(aspect: number): CardGrid {
  const rows = 6;
  const height = 1.84 / rows;
  const columns = Math.max(3, Math.floor((2 * aspect - 0.1) / (height * 1.55)));
  return { columns, rows, width: (2 * aspect - 0.1) / columns, height };
}

/** Cards on which the winners turn up, one each, spread over the wall. */
export function winningCards(winners: number, cards: number, seed: number): number[] {
  const order = Array.from({ length: cards }, (_, i) => i);
  order.sort((a, b) => hash(seed, a) - hash(seed, b) || a - b);
  return order.slice(0, winners);
}

/** All cards lie face down from here on, and the winners' turn up. */
const DOWN_AT = 2_000;
const UP_AT = 2_700;

/** How far a card is turned (0 = face, 1 = back, in between on its way) and which face it shows. */
export function cardAt(
  card: number,
  { pace, now, since }: Beat,
  wins: boolean,
): { back: number; face: number } {
  const t = now - since;
  const offset = hash(card, 31);
  if (pace === 'reveal' && t >= DOWN_AT) {
    const down = smooth((t - DOWN_AT - 350 * offset) / 300);
    const up = wins ? smooth((t - UP_AT - 500 * offset) / 350) : 0;
    return up > 0
      ? { back: 1 - up, face: -1 }
      : { back: down, face: faceAt(offset, since + DOWN_AT, pace).face };
  }
  return faceAt(offset, now, pace);
}

function faceAt(offset: number, now: number, pace: Beat['pace']): { back: number; face: number } {
  const period = pace === 'idle' ? 6_000 : 1_100;
  const steps = now / period + offset * 97;
  const face = Math.floor(steps);
  const part = steps - face;
  const turning = pace === 'idle' ? 0.1 : 0.42;
  // Turns to its back and from there to another name.
  const back =
    part < turning
      ? 1 - smooth(part / turning)
      : part > 1 - turning
        ? smooth((part - 1 + turning) / turning)
        : 0;
  return { back, face };
}

export function cards(quads: Quads, scene: Scene): void {
  const { beat, colors, aspect } = scene;
  const grid = cardGrid(aspect);
  const total = grid.columns * grid.rows;
  const reveal = beat.pace === 'reveal';
  const winning = new Map(
    reveal ? winningCards(scene.winners, total, scene.seed).map((card, i) => [card, i]) : [],
  );
  const gone = 1 - smooth(flight(beat) * 2);
  for (let card = 0; card < total; card++) {
    const winner = winning.get(card);
    const { back: turned, face } = cardAt(card, beat, winner !== undefined);
    // Where nothing moves, no card stands half turned.
    const back = scene.still ? Math.round(turned) : turned;
    if (winner !== undefined && flight(beat) > 0) continue;
    const { x, y } = cardPlace(card, grid);
    const squash = Math.max(0.03, Math.abs(Math.cos(back * Math.PI)));
    const width = grid.width * 0.93 * squash;
    const shown = back < 0.5;
    const won = shown && face === -1;
    quads.plain(
      x,
      y,
      width,
      grid.height * 0.9,
      won ? colors.accent : shown ? colors.chip : colors.panel,
      gone,
    );
    if (!shown) {
      quads.plain(x, y, width * 0.9, grid.height * 0.78, colors.accent, 0.22 * gone);
      quads.plain(x, y, width * 0.8, grid.height * 0.66, colors.panel, gone);
      quads.plain(
        x,
        y,
        grid.height * 0.24 * squash,
        grid.height * 0.24,
        colors.accent,
        0.8 * gone,
        squash > 0.9 ? Math.PI / 4 : 0,
      );
      continue;
    }
    const box = won && winner !== undefined ? scene.hero(winner) : pick(scene, card + 101, face);
    quads.name(
      won ? 2 : NAME,
      box,
      x,
      y,
      grid.height * 0.42,
      grid.width * 0.84,
      won ? colors.accentInk : colors.ink,
      gone,
      squash,
    );
  }
}

function cardPlace(card: number, { columns, rows, width, height }: CardGrid): { x: number; y: number } {
  return {
    x: ((card % columns) - (columns - 1) / 2) * width,
    y: ((rows - 1) / 2 - Math.floor(card / columns)) * height,
  };
}

function cardsStart(i: number, { aspect, winners, seed }: Scene): Start {
  const grid = cardGrid(aspect);
  const card = winningCards(winners, grid.columns * grid.rows, seed)[i];
  if (card === undefined) return MIDDLE;
  return { ...cardPlace(card, grid), em: grid.height * 0.42, width: grid.width * 0.84 };
}

export const FLAT = { scroll, slot, cards } as const;

/** Where winner `i` comes from in a flat style. */
export function startOf(style: Exclude<StyleName, 'sphere'>, i: number, scene: Scene): Start {
  if (style === 'scroll') return scrollStart(i, scene);
  return style === 'slot' ? slotStart(i, scene) : cardsStart(i, scene);
}

/** How much of the stage is left to what moved before: it makes room for the winners. */
export function leaving(beat: Beat): number {
  return 1 - 0.9 * settle(flight(beat));
}

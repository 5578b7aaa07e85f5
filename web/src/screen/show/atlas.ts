import { type Fitted, fitText } from '../layout';

/** Longest name on one line and height of its box, in em: longer ones shrink, then wrap. */
export const NAME_EMS = 5;
export const BOX_EMS = 1.34;
/** Rows of pixels that are drawn and uploaded at a time: few enough to take a few milliseconds. */
export const STRIP = 128;
const GAP = 2;

/** A set of names to be drawn. */
export interface Order {
  names: readonly string[];
  /** Size of the letters, px. */
  em: number;
  /** Width of the texture, px. */
  width: number;
  font: string;
}

/** A name as it is drawn. */
export interface Piece {
  x: number;
  y: number;
  width: number;
  height: number;
  size: number;
  lines: string[];
}

/** Boxes of `widths` in rows of one height, from left to right, from top to bottom. */
export function pack(widths: readonly number[], height: number, width: number): { x: number; y: number }[] {
  let x = 0;
  let y = 0;
  return widths.map((one) => {
    if (x > 0 && x + one > width) {
      x = 0;
      y += height + GAP;
    }
    const at = { x, y };
    x += one + GAP;
    return at;
  });
}

/** A name's letters: one line at full size where it fits, else smaller, else on more lines. */
export function fitName(name: string, em: number, measure: (text: string) => number): Fitted {
  if (measure(name) <= NAME_EMS) return { size: em, lines: [name] };
  return fitText(name, { width: em * NAME_EMS, height: Math.ceil(em * BOX_EMS), most: em }, measure);
}

/** Where each fitted name stands in a texture. */
export function lay(
  fitted: readonly Fitted[],
  em: number,
  width: number,
  measure: (text: string) => number,
): Piece[] {
  const height = Math.ceil(em * BOX_EMS);
  const widths = fitted.map(({ size, lines }) => Math.ceil(Math.max(0.3, ...lines.map(measure)) * size) + 4);
  return pack(widths, height, width).map((at, i) => {
    const { size, lines } = fitted[i] ?? { size: em, lines: [] };
    return { ...at, width: widths[i] ?? 1, height, size, lines };
  });
}

/** Height of the texture that holds them, in whole strips. */
export function heightOf(pieces: readonly Piece[]): number {
  const last = pieces[pieces.length - 1];
  return last === undefined ? STRIP : Math.ceil((last.y + last.height) / STRIP) * STRIP;
}

export type Context = OffscreenCanvasRenderingContext2D | CanvasRenderingContext2D;

/** Width in em, letter by letter: thousands of names have few letters. */
export function measurer(context: Context, font: string): (text: string) => number {
  const known = new Map<string, number>();
  const letter = (char: string): number => {
    let width = known.get(char);
    if (width === undefined) {
      context.font = `700 100px ${font}`;
      width = context.measureText(char).width / 100;
      known.set(char, width);
    }
    return width;
  };
  return (text) => {
    let width = 0;
    for (const char of text) width += letter(char);
    return width;
  };
}

/** Draws what of the pieces lies in the strip from `top` on: white on black, the texture keeps one channel. */
export function drawStrip(context: Context, pieces: readonly Piece[], top: number, font: string): void {
  context.fillStyle = '#000';
  context.fillRect(0, 0, context.canvas.width, STRIP);
  context.fillStyle = '#fff';
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  for (const { x, y, width, height, size, lines } of pieces) {
    if (y + height <= top || y >= top + STRIP) continue;
    context.font = `700 ${size}px ${font}`;
    const step = Math.min(size * 1.18, height / lines.length);
    lines.forEach((line, i) => {
      const middle = y - top + height / 2 + (i - (lines.length - 1) / 2) * step;
      context.fillText(line, x + width / 2, middle + size * 0.04);
    });
  }
}

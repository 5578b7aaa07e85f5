import { paintCode } from '../../shared/qr';

/** What stands on a poster. */
export interface Poster {
  /** Above the name: an invitation. */
  invite: string;
  /** Name of the meeting. */
  name: string;
  /** What the QR code says. */
  code: string;
  /** Below the code: what to do with it. */
  hint: string;
  /** At the foot. */
  foot: string;
}

/** Pixels: wide enough to be sharp when it is shared, small enough to be sent. */
export const WIDTH = 750;
export const HEIGHT = 1120;

const NAME_LINES = 3;
const NAME_PX = 68;
const CODE_PX = 484;
const MARGIN = 64;

/**
 * Breaks a text into lines no wider than `width`: between words where there are any, else between letters. What does not fit
 * into `most` lines ends with an ellipsis.
 */
export function lines(
  text: string,
  width: number,
  most: number,
  measure: (text: string) => number,
): string[] {
  const done: string[] = [];
  let line = '';
  for (const part of text.match(/[\p{L}\p{M}\p{N}'’.-]+|\s+|./gu) ?? []) {
    // Scripts without blanks come as one long part: letter by letter. So does a word that is wider than a line.
    const whole =
      measure(part) <= width && !/[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}]/u.test(part);
    for (const piece of whole ? [part] : Array.from(part)) {
      if (line !== '' && measure((line + piece).trimEnd()) > width) {
        done.push(line.trimEnd());
        line = piece.trimStart();
      } else {
        line += piece;
      }
    }
  }
  if (line.trim() !== '') done.push(line.trimEnd());
  if (done.length <= most) return done;
  const letters = Array.from(done[most - 1] ?? '');
  while (letters.length > 0 && measure(`${letters.join('')}…`) > width) letters.pop();
  return [...done.slice(0, most - 1), `${letters.join('')}…`];
}

function backdrop(to: CanvasRenderingContext2D): void {
  const red = to.createLinearGradient(0, 0, 0, HEIGHT);
  red.addColorStop(0, '#c4161f');
  red.addColorStop(1, '#760a12');
  to.fillStyle = red;
  to.fillRect(0, 0, WIDTH, HEIGHT);
  to.strokeStyle = '#f6c65b';
  to.lineWidth = 4;
  to.strokeRect(28, 28, WIDTH - 56, HEIGHT - 56);
  to.lineWidth = 1;
  to.strokeRect(38, 38, WIDTH - 76, HEIGHT - 76);
}

/** Draws a poster; `font` is the page's own family. */
export function paint(to: CanvasRenderingContext2D, poster: Poster, font: string): void {
  backdrop(to);
  const say = (text: string, y: number, px: number, color: string, weight = 400): void => {
    to.font = `${weight} ${px}px ${font}`;
    to.fillStyle = color;
    to.fillText(text, WIDTH / 2, y, WIDTH - 2 * MARGIN);
  };
  to.textAlign = 'center';
  to.textBaseline = 'middle';
  say(poster.invite, 128, 34, '#ffe9b8');
  to.font = `700 ${NAME_PX}px ${font}`;
  const name = lines(poster.name, WIDTH - 2 * MARGIN, NAME_LINES, (text) => to.measureText(text).width);
  const step = NAME_PX * 1.25;
  // Between the invitation and the code, however many lines there are.
  const first = 310 - ((name.length - 1) * step) / 2;
  name.forEach((line, at) => {
    say(line, first + at * step, NAME_PX, '#f6c65b', 700);
  });
  paintCode(to, poster.code, { x: (WIDTH - CODE_PX) / 2, y: 458, width: CODE_PX });
  say(poster.hint, 984, 36, '#fff6e4', 600);
  say(poster.foot, 1042, 26, '#ffd9a0');
}

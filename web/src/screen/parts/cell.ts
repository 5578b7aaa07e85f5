import { type Fitted, fitText, roughWidth } from '../layout';

/** One of many people: a name, and a line below it of what must be said and what may be. */
export interface Cell {
  name: string;
  must: string;
  may: string;
}

/** Heights of both lines and their largest letters, in units. */
interface Rooms {
  name: number;
  nameMost: number;
  note: number;
  noteMost: number;
}
const USUAL: Rooms = { name: 3.9, nameMost: 3.1, note: 2.5, noteMost: 1.9 };
/** A long name takes two lines and some of the height below. */
const LONG: Rooms = { ...USUAL, name: 4.9, note: 1.8, noteMost: 1.5 };
/** Smaller, in units, the note is read by nobody: what only may be said is left out first. */
const LEAST = 1.25;

/** Sizes of both texts, px, in a cell `width` px wide: no note is larger than the name above it. */
export function cellOf(
  { name, must, may }: Cell,
  { width, unit }: { width: number; unit: number },
  measure: (text: string) => number = roughWidth,
): { name: Fitted; note: Fitted } {
  const named = (rooms: Rooms): Fitted =>
    fitText(name, { width, height: rooms.name * unit, most: rooms.nameMost * unit }, measure);
  const usual = named(USUAL);
  const long = usual.size < USUAL.noteMost * unit * 1.1;
  const rooms = long ? LONG : USUAL;
  const fitted = long ? named(LONG) : usual;
  const whole = `${must} ${may}`.trim();
  const text = measure(whole) * unit * LEAST <= width ? whole : must;
  const most = Math.min(rooms.noteMost * unit, fitted.size);
  return { name: fitted, note: fitText(text, { width, height: rooms.note * unit, most }, measure) };
}

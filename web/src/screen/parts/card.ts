import type { Place, Room } from '../layout';

/** How much stands on a card: all of it, two lines and the name, one line and the name, or hardly more than the name. */
export type Manner = 'full' | 'dense' | 'compact' | 'tiny';

export interface CardSizes {
  manner: Manner;
  /** Size of the small print, px. */
  small: number;
  /** Room of the name, px. */
  name: Room;
  /** Side of the photo, px; 0 without. */
  photo: number;
  /** The photo stands beside the words, not above them. */
  beside: boolean;
}

/** Smallest print that the hall reads, in units of the screen. */
const LEAST = 2.2;
/** The number alone, over a name that has to be larger. */
const NUMBER = 1.8;
/** Height of a line of small print over its size. */
export const SMALL_LINE = 1.24;
/** Lines of small print that a full card has beside its name: those that any card of the page needs. */
export interface Lines {
  department: boolean;
  money: boolean;
  past: boolean;
}
export const ALL_LINES: Lines = { department: true, money: true, past: true };

/** Narrower, an amount and a mark do not stand side by side. */
const FULL_WIDTH = 22;

/** Height of the strip at the foot that tells of the payout, in units of the screen. */
export const STRIP: Readonly<Record<Manner, number>> = { full: 0.7, dense: 0.7, compact: 0.45, tiny: 0.45 };

function mannerOf(width: number, height: number, unit: number): Manner {
  if (height >= unit * 13 && width >= unit * FULL_WIDTH) return 'full';
  if (height >= unit * 10) return 'dense';
  return height >= unit * 5 ? 'compact' : 'tiny';
}

/** Sizes on a card: all cards of a page have the same, so that what is alike stands at one height. */
export function sizesOf(
  { width, height }: Pick<Place, 'width' | 'height'>,
  { photo, unit, lines }: { photo: boolean; unit: number; lines: Lines },
): CardSizes {
  const manner = mannerOf(width, height, unit);
  const strip = unit * STRIP[manner];
  if (manner === 'tiny') {
    const small = Math.min(height * 0.27, width * 0.17);
    const left = height * 0.98 - strip - small * SMALL_LINE;
    return { manner, small, name: roomOf(width * 0.94, left, width * 0.29), photo: 0, beside: false };
  }
  if (manner !== 'full') {
    const small = Math.min(unit * (manner === 'dense' ? LEAST : NUMBER), height * 0.35);
    const left = height * 0.98 - strip - small * SMALL_LINE * (manner === 'dense' ? 2 : 1);
    return { manner, small, name: roomOf(width * 0.94, left, width * 0.29), photo: 0, beside: false };
  }
  const beside = width > height * 1.25;
  const side = photo ? Math.min(beside ? height * 0.8 : height * 0.38, width * (beside ? 0.36 : 0.7)) : 0;
  const wide = beside && photo ? width - side - height * 0.16 : width;
  // A photo above keeps some air over it.
  const high = height * (photo && !beside ? 0.95 : 1) - (beside ? 0 : side);
  const small = Math.max(unit * LEAST, Math.min(high * 0.12, wide * 0.075, unit * 4.4));
  // The number stands above the name in any case.
  const count = 1 + Number(lines.department) + Number(lines.money) + Number(lines.past);
  const left = Math.max(high * 0.28, high * 0.94 - small * SMALL_LINE * count);
  return { manner, small, name: roomOf(wide * 0.9, left, wide * 0.29), photo: side, beside };
}

function roomOf(width: number, height: number, most: number): Room {
  return { width, height, most: Math.min(height / 1.2, most) };
}

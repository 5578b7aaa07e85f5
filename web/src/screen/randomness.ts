import type { Wire } from '../wire';

type Source = Wire['Source'];
export type Level = 'A0' | 'A1' | 'A2' | 'A3';

/** Outcomes of dice that nobody can try out: 10^12 (draw protocol §2). */
const ENOUGH_DIGITS = 12;
const ENOUGH_WORDS = 3;

/** The level that the sources can give; taps of the audience need at least one. */
export function levelOf(sources: readonly Source[]): Level {
  let level: Level = 'A0';
  for (const source of sources) {
    if (source.s === 'dice' && source.count * Math.log10(source.sides) >= ENOUGH_DIGITS - 1e-9) return 'A2';
    if (source.s === 'words' && source.count >= ENOUGH_WORDS) return 'A2';
    if (source.s === 'audience') level = 'A1';
  }
  return level;
}

/** A0 and A1 are shown with the words that say so. */
export function weak(level: string): boolean {
  return level === 'A0' || level === 'A1';
}

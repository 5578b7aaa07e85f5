import type { Wire } from '../wire';

type Source = Wire['Source'];
export type Level = 'A0' | 'A1' | 'A2' | 'A3';

/** Outcomes of dice that nobody can try out: 10^12 (draw protocol §2). */
const ENOUGH_DIGITS = 12;
const ENOUGH_WORDS = 3;
const LEVELS: readonly Level[] = ['A0', 'A1', 'A2', 'A3'];

/** The level that the sources can give; taps of the audience need at least one. */
export function levelOf(sources: readonly Source[]): Level {
  const levels = sources.map(one);
  return [...LEVELS].reverse().find((level) => levels.includes(level)) ?? 'A0';
}

function one(source: Source): Level {
  // A server takes a beacon only where it can verify it.
  if (source.s === 'drand') return 'A3';
  if (source.s === 'dice')
    return source.count * Math.log10(source.sides) >= ENOUGH_DIGITS - 1e-9 ? 'A2' : 'A0';
  if (source.s === 'words') return source.count >= ENOUGH_WORDS ? 'A2' : 'A0';
  return 'A1';
}

/** A0 and A1 are shown with the words that say so. */
export function weak(level: string): boolean {
  return level === 'A0' || level === 'A1';
}

/** How names move: everything here is a function of the server's clock alone, so that a reload lands in the same frame. */

import { FLY_MS, SPIN_MS } from '../../shared/moment';

export { FLY_MS, SPIN_MS };
/** Then the cards take their place, ms. */
export const STAND_MS = 400;
/** Confetti falls for so long after that. */
export const CONFETTI_MS = 9_000;

export type Pace = 'idle' | 'wait' | 'reveal';

export interface Beat {
  pace: Pace;
  /** Server's clock, ms. */
  now: number;
  /** When the result was logged, ms; only counts with `reveal`. */
  since: number;
}

export function clamp01(x: number): number {
  return Math.min(1, Math.max(0, x));
}

/** 0 → 1, slow at both ends. */
export function smooth(x: number): number {
  const t = clamp01(x);
  return t * t * (3 - 2 * t);
}

/** Fast, then slower and slower. */
export function settle(x: number): number {
  return 1 - (1 - clamp01(x)) ** 3;
}

/** A number 0 ≤ x < 1 of two integers, the same everywhere. Not for drawing lots. */
export function hash(a: number, b: number): number {
  let h = Math.imul(a | 0, 0x9e3779b1) ^ Math.imul((b | 0) + 0x7f4a7c15, 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
  h = Math.imul(h ^ (h >>> 12), 0x297a2d39);
  return ((h ^ (h >>> 15)) >>> 0) / 0x1_0000_0000;
}

/** Steps per second while nobody won yet. */
const CRUISE: Readonly<Record<Pace, number>> = { idle: 0.16, wait: 1, reveal: 1 };
/** At its fastest, as a multiple of waiting. */
const RUSH = 2.4;
const RISE_MS = 700;
const FALL_AT = 2_300;

/** Way of a reveal at `t` ms, in seconds of cruising: up to full speed, on, and down to a stop. */
export function rush(t: number): number {
  const end = SPIN_MS;
  const x = Math.min(Math.max(t, 0), end);
  const rise = Math.min(x, RISE_MS);
  let way = rise + ((RUSH - 1) * rise * rise) / (2 * RISE_MS);
  if (x > RISE_MS) way += RUSH * (Math.min(x, FALL_AT) - RISE_MS);
  if (x > FALL_AT) {
    const gone = x - FALL_AT;
    const whole = end - FALL_AT;
    way += RUSH * (gone - (gone * gone) / (2 * whole));
  }
  return way / 1000;
}

/** How far names have moved, in seconds of cruising; continuous from waiting into the reveal. */
export function way({ pace, now, since }: Beat): number {
  if (pace !== 'reveal') return (now / 1000) * CRUISE[pace];
  return since / 1000 + rush(now - since);
}

/** 0 before winners come forward, 1 when they stand. */
export function flight({ pace, now, since }: Beat): number {
  return pace === 'reveal' ? clamp01((now - since - SPIN_MS) / FLY_MS) : 0;
}

/** Part of its flight that winner `i` of `n` has behind it: one after another, all in time. */
export function flightOf(i: number, n: number, all: number): number {
  const late = n <= 1 ? 0 : (0.4 * i) / (n - 1);
  return smooth((all - late) / 0.6);
}

/** Place of a person on the unit globe (Fibonacci lattice). */
export function globe(i: number, n: number): [number, number, number] {
  const y = 1 - (2 * (i + 0.5)) / n;
  const r = Math.sqrt(Math.max(0, 1 - y * y));
  const angle = i * 2.399963229728653;
  return [r * Math.cos(angle), y, r * Math.sin(angle)];
}

/** Turn of the globe about its axis, radians, within one turn. */
export function turn(steps: number): number {
  return (steps * 0.9) % (2 * Math.PI);
}

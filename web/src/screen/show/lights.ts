import type { Region } from './gl';
import { type Beat, FLY_MS, SPIN_MS, smooth } from './motion';
import { GROW_MS } from './regions';

/** Winners stand: the lights go on, ms. */
const BRIGHT_MS = 500;

/**
 * Light on the background, from 0 to 1: it goes down when a result is known, and up when the winners stand. What is dark has
 * one colour, which costs a machine without a graphics card nothing.
 */
export function lightAt({ pace, now, since }: Beat): number {
  if (pace !== 'reveal') return 1;
  const left = now - since - SPIN_MS - FLY_MS;
  return left < 0 ? 1 - smooth((now - since) / GROW_MS) : smooth(left / BRIGHT_MS);
}

/** The smallest part that holds all of these, within the frame; `null` for none. */
export function hull(parts: readonly Region[]): Region | null {
  if (parts.length === 0) return null;
  const clamp = (at: number): number => Math.min(1, Math.max(0, at));
  const left = clamp(Math.min(...parts.map(({ x }) => x)));
  const top = clamp(Math.min(...parts.map(({ y }) => y)));
  const right = clamp(Math.max(...parts.map(({ x, width }) => x + width)));
  const bottom = clamp(Math.max(...parts.map(({ y, height }) => y + height)));
  return { x: left, y: top, width: right - left, height: bottom - top };
}

import type { Region } from './gl';
import { type Beat, smooth } from './motion';

/** From the side to the whole width, ms. */
export const GROW_MS = 700;

const ALL: Region = { x: 0, y: 0.175, width: 1, height: 0.715 };
const SIDE: Readonly<Record<'idle' | 'wait', Region>> = {
  idle: { x: 0.49, y: 0.1, width: 0.51, height: 0.6 },
  wait: { x: 0.49, y: 0.1, width: 0.51, height: 0.82 },
};

/** Part of the frame that the stage has at a beat: beside the facts, then all of it. */
export function regionAt({ pace, now, since }: Beat): Region {
  if (pace !== 'reveal') return SIDE[pace];
  const f = smooth((now - since) / GROW_MS);
  const mix = (a: number, b: number): number => a + (b - a) * f;
  return {
    x: mix(SIDE.wait.x, ALL.x),
    y: mix(SIDE.wait.y, ALL.y),
    width: mix(SIDE.wait.width, ALL.width),
    height: mix(SIDE.wait.height, ALL.height),
  };
}

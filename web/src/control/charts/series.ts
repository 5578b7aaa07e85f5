import type { Wire } from '../../wire';

const MINUTE_MS = 60_000;
/** Widths of a bar, minutes. */
const STEPS = [1, 2, 5, 10, 30, 60, 180, 720, 1440] as const;
/** Most bars. */
const BARS = 120;

export interface Series {
  /** Begin of each bar, s. */
  at: number[];
  /** How many in it. */
  count: number[];
  /** How many up to its end. */
  total: number[];
  /** Width of a bar, minutes. */
  step: number;
}

/** Minutes with anything in them as bars of equal width without gaps; wider ones where there would be too many. */
export function seriesOf(minutes: readonly Wire['MinuteCount'][]): Series {
  const first = minutes[0];
  const last = minutes.at(-1);
  if (first === undefined || last === undefined) return { at: [], count: [], total: [], step: 1 };
  const span = (last.at - first.at) / MINUTE_MS + 1;
  const step = STEPS.find((width) => span / width <= BARS) ?? Math.ceil(span / BARS);
  const width = step * MINUTE_MS;
  const begin = Math.floor(first.at / width) * width;
  const bars = Math.floor((last.at - begin) / width) + 1;
  const count = new Array<number>(bars).fill(0);
  for (const one of minutes) {
    const bar = Math.floor((one.at - begin) / width);
    count[bar] = (count[bar] ?? 0) + one.count;
  }
  let sum = 0;
  return {
    at: count.map((_, i) => (begin + i * width) / 1000),
    count,
    total: count.map((n) => {
      sum += n;
      return sum;
    }),
    step,
  };
}

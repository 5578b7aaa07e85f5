import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { formatDateTime } from '../../shared/format';
import type { Series } from './series';

const HEIGHT = 200;
/** Narrower than this is a phone. */
const NARROW = 520;
const FONT = '12px system-ui, sans-serif';

function color(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** Draws bars (how many at a time) and a line (how many so far). The library comes with this file, when it is needed. */
export function plot(
  into: HTMLElement,
  series: Series,
  names: { time: string; count: string; total: string },
): uPlot {
  const ink = color('--ink-2');
  const line = { stroke: color('--line'), width: 1 };
  const axis = { stroke: ink, font: FONT, grid: line, ticks: line };
  const bars = uPlot.paths.bars?.({ size: [0.8, 40], align: 1 });
  const time = (at: number): string => formatDateTime(at * 1000).slice(series.step >= 720 ? 5 : 11);
  const options: uPlot.Options = {
    width: into.clientWidth,
    height: HEIGHT,
    tzDate: (at) => uPlot.tzDate(new Date(at * 1000), 'Asia/Shanghai'),
    // Nothing hovers over a chart on a phone: its legend would only ever say that there is nothing.
    legend: { show: into.clientWidth >= NARROW },
    cursor: { drag: { x: false, y: false } },
    scales: {
      // One bar alone would have no width.
      x: {
        range: () => {
          // From the bars themselves: of one alone the library would make up a range of its own.
          const [first = 0] = series.at;
          return [first - series.step * 60, (series.at.at(-1) ?? first) + series.step * 120];
        },
      },
      n: { range: (_, __, most) => [0, Math.max(1, most * 1.1)] },
      sum: { range: (_, __, most) => [0, Math.max(1, most * 1.1)] },
    },
    axes: [
      {
        ...axis,
        incrs: [60, 120, 300, 600, 1800, 3600, 10_800, 43_200, 86_400, 604_800],
        values: (_, at) => at.map(time),
      },
      { ...axis, scale: 'n', incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000] },
      { ...axis, scale: 'sum', side: 1, grid: { show: false } },
    ],
    series: [
      { label: names.time, value: (_, at) => (at === null ? '—' : formatDateTime(at * 1000).slice(5)) },
      {
        label: names.count,
        scale: 'n',
        fill: color('--gold-400'),
        stroke: color('--gold-600'),
        width: 0,
        points: { show: false },
        ...(bars === undefined ? {} : { paths: bars }),
      },
      {
        label: names.total,
        scale: 'sum',
        stroke: color('--accent'),
        width: 2,
        points: { show: series.at.length < 2 },
      },
    ],
  };
  return new uPlot(options, [series.at, series.count, series.total], into);
}

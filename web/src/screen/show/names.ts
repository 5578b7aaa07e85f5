import { drawStrip, fitName, heightOf, lay, measurer, type Order, STRIP } from './atlas';
import { type Surface, surface } from './surface';

/** Place of a name in the texture: x, y, width, height, px. */
export type Box = readonly [number, number, number, number];

export interface Sink {
  /** Once, before the strips. */
  begin(boxes: readonly Box[], height: number): void;
  strip(image: Surface, top: number): void;
  done(): void;
}

/** Longest time that names are prepared at a stretch, ms: frames come in between. */
const SLICE_MS = 6;

/** Draws names into `sink`, a little at a time. Returns what stops it. */
export function drawNames(order: Order, sink: Sink): () => void {
  let stopped = false;
  void draw(order, sink, () => stopped);
  return () => {
    stopped = true;
  };
}

const pause = (): Promise<void> => new Promise((resume) => setTimeout(resume, 0));

async function draw({ names, em, width, font }: Order, sink: Sink, stopped: () => boolean): Promise<void> {
  const canvas = surface(width, STRIP);
  const context = canvas.getContext('2d', { alpha: false, willReadFrequently: true });
  if (context === null) return;
  const measure = measurer(context, font);
  const fitted: ReturnType<typeof fitName>[] = [];
  for (let since = performance.now(); fitted.length < names.length; ) {
    fitted.push(fitName(names[fitted.length] ?? '', em, measure));
    if (performance.now() - since < SLICE_MS) continue;
    await pause();
    if (stopped()) return;
    since = performance.now();
  }
  const pieces = lay(fitted, em, width, measure);
  const height = heightOf(pieces);
  sink.begin(
    pieces.map(({ x, y, width: wide, height: high }): Box => [x, y, wide, high]),
    height,
  );
  for (let top = 0; top < height && !stopped(); top += STRIP) {
    drawStrip(context, pieces, top, font);
    sink.strip(canvas, top);
    await pause();
  }
  if (!stopped()) sink.done();
}

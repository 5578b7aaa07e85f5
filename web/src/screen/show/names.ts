import { drawStrip, heightOf, lay, measurer, type Order, STRIP } from './atlas';
import AtlasWorker from './atlas.worker?worker';

/** Place of a name in the texture: x, y, width, height, px. */
export type Box = readonly [number, number, number, number];

export interface Sink {
  /** Once, before the strips. */
  begin(boxes: readonly Box[], height: number): void;
  strip(image: TexImageSource, top: number): void;
  done(): void;
}

/** Draws names into `sink`, in a worker where there can be one. Returns what stops it. */
export function drawNames(order: Order, sink: Sink): () => void {
  return typeof OffscreenCanvas === 'undefined' || typeof Worker === 'undefined'
    ? drawHere(order, sink)
    : drawBeside(order, sink);
}

function drawBeside(order: Order, sink: Sink): () => void {
  const worker = new AtlasWorker();
  let stop: () => void = () => worker.terminate();
  worker.onmessage = ({ data }) => {
    if (data.pieces) sink.begin(data.pieces, data.height);
    else if (data.strip) {
      sink.strip(data.strip, data.top);
      data.strip.close();
    } else {
      worker.terminate();
      sink.done();
    }
  };
  worker.onerror = (event) => {
    event.preventDefault();
    worker.terminate();
    stop = drawHere(order, sink);
  };
  worker.postMessage(order);
  return () => stop();
}

/** The same on the page, a strip at a time. */
function drawHere(order: Order, sink: Sink): () => void {
  const canvas = document.createElement('canvas');
  canvas.width = order.width;
  canvas.height = STRIP;
  const context = canvas.getContext('2d', { alpha: false });
  let stopped = false;
  if (context === null) return () => undefined;
  const pieces = lay(order, measurer(context, order.font));
  const height = heightOf(pieces);
  sink.begin(
    pieces.map(({ x, y, width, height: high }): Box => [x, y, width, high]),
    height,
  );
  const step = (top: number): void => {
    if (stopped) return;
    if (top >= height) {
      sink.done();
      return;
    }
    drawStrip(context, pieces, top, order.font);
    sink.strip(canvas, top);
    setTimeout(step, 0, top + STRIP);
  };
  step(0);
  return () => {
    stopped = true;
  };
}

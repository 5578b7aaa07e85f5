import { drawStrip, heightOf, lay, measurer, type Order, STRIP } from './atlas';

/** Draws names beside the page, so that nothing on it waits for thousands of texts. */
self.onmessage = ({ data }: MessageEvent<Order>) => {
  const canvas = new OffscreenCanvas(data.width, STRIP);
  const context = canvas.getContext('2d', { alpha: false });
  if (context === null) throw new Error('no canvas in the worker');
  const pieces = lay(data, measurer(context, data.font));
  const height = heightOf(pieces);
  self.postMessage({ pieces: pieces.map(({ x, y, width, height: h }) => [x, y, width, h]), height });
  for (let top = 0; top < height; top += STRIP) {
    drawStrip(context, pieces, top, data.font);
    const strip = canvas.transferToImageBitmap();
    self.postMessage({ strip, top }, { transfer: [strip] });
  }
  self.postMessage({ done: true });
};

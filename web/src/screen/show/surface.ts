/** A canvas, on the page or beside it. */
export type Surface = HTMLCanvasElement | OffscreenCanvas;

/** A canvas that nobody sees. */
export function surface(width: number, height: number): Surface {
  if (typeof OffscreenCanvas !== 'undefined') return new OffscreenCanvas(width, height);
  const made = document.createElement('canvas');
  made.width = width;
  made.height = height;
  return made;
}

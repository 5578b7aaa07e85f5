import qrcode from 'qrcode-generator';

/** Quiet zone around the code, in modules: cameras want four. */
export const QUIET = 4;

/** A run of dark modules in one row. */
export interface Run {
  x: number;
  y: number;
  length: number;
}

/** The dark modules of a QR code in horizontal runs, and how many modules a side has with the quiet zone around it. */
export function qrRuns(text: string): { runs: Run[]; size: number } {
  const qr = qrcode(0, 'M');
  qr.addData(text);
  qr.make();
  const count = qr.getModuleCount();
  const runs: Run[] = [];
  for (let y = 0; y < count; y += 1) {
    for (let x = 0; x < count; x += 1) {
      if (!qr.isDark(y, x)) continue;
      const start = x;
      while (x + 1 < count && qr.isDark(y, x + 1)) x += 1;
      runs.push({ x: start + QUIET, y: y + QUIET, length: x - start + 1 });
    }
  }
  return { runs, size: count + QUIET * 2 };
}

/** Paints a code into a white square, in whole pixels for every module: a blurred edge is what cameras stumble over. */
export function paintCode(
  to: CanvasRenderingContext2D,
  text: string,
  { x, y, width }: { x: number; y: number; width: number },
): void {
  const { runs, size } = qrRuns(text);
  const pixel = Math.max(1, Math.floor(width / size));
  const gap = Math.round((width - pixel * size) / 2);
  to.fillStyle = '#fff';
  to.fillRect(x, y, width, width);
  to.fillStyle = '#000';
  for (const run of runs) {
    to.fillRect(x + gap + run.x * pixel, y + gap + run.y * pixel, run.length * pixel, pixel);
  }
}

/** Something with a QR code in it, perhaps. */
type Source = HTMLVideoElement | ImageBitmap;

/** Reads a QR code; `null` when there is none to be seen. */
export type Reader = (source: Source) => Promise<string | null>;

interface Detector {
  detect(source: Source): Promise<{ rawValue: string }[]>;
}

interface DetectorClass {
  new (options: { formats: string[] }): Detector;
  getSupportedFormats(): Promise<string[]>;
}

/** Longest side in which the library looks: codes fill the frame, and phones are slow. */
const SIDE = 800;

/** The browser's own reader where it has one, which is quicker and kinder to the battery. */
async function own(): Promise<Reader | null> {
  const { BarcodeDetector } = globalThis as { BarcodeDetector?: DetectorClass };
  if (BarcodeDetector === undefined) return null;
  try {
    if (!(await BarcodeDetector.getSupportedFormats()).includes('qr_code')) return null;
    const detector = new BarcodeDetector({ formats: ['qr_code'] });
    return async (source) => (await detector.detect(source))[0]?.rawValue ?? null;
  } catch {
    return null;
  }
}

async function library(): Promise<Reader> {
  const { default: decode } = await import('qr/decode.js');
  const canvas = document.createElement('canvas');
  const context = canvas.getContext('2d', { willReadFrequently: true });
  return async (source) => {
    const [width, height] =
      source instanceof HTMLVideoElement
        ? [source.videoWidth, source.videoHeight]
        : [source.width, source.height];
    if (context === null || width === 0 || height === 0) return null;
    const scale = Math.min(1, SIDE / Math.max(width, height));
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    context.drawImage(source, 0, 0, canvas.width, canvas.height);
    try {
      return decode(context.getImageData(0, 0, canvas.width, canvas.height), { timeLimit: 100 });
    } catch {
      // How the library says that there is none.
      return null;
    }
  };
}

let made: Promise<Reader> | null = null;

/** One for the whole page, made when it is first needed. */
export function reader(): Promise<Reader> {
  made ??= own().then((one) => one ?? library());
  return made;
}

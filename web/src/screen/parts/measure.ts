import { roughWidth } from '../layout';

const known = new Map<string, number>();
let context: CanvasRenderingContext2D | null | undefined;

/** Width of a text in em in the page's own bold font. */
export function measure(text: string): number {
  const cached = known.get(text);
  if (cached !== undefined) return cached;
  if (context === undefined) {
    context = document.createElement('canvas').getContext('2d');
    if (context !== null) context.font = `700 100px ${getComputedStyle(document.documentElement).fontFamily}`;
  }
  const width = context === null ? roughWidth(text) : context.measureText(text).width / 100;
  // A little air: fonts round differently at small sizes.
  const roomy = width * 1.02 + 0.05;
  if (known.size > 20_000) known.clear();
  known.set(text, roomy);
  return roomy;
}

import { paletteOf, type ThemeName } from '../../shared/themes';
import { stream } from './stream';

type Context = CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D;

function fade(color: string, alpha: number): string {
  return `${color}${Math.round(alpha * 255)
    .toString(16)
    .padStart(2, '0')}`;
}

/** Beams that spread from above the frame. */
function rays(context: Context, width: number, height: number, color: string): void {
  const far = Math.hypot(width, height);
  const top = -height * 0.35;
  for (let i = 0; i < 18; i++) {
    const angle = Math.PI * (0.08 + (0.84 * i) / 17);
    const half = 0.035;
    const light = context.createRadialGradient(width / 2, top, height * 0.3, width / 2, top, far);
    light.addColorStop(0, fade(color, 0.16));
    light.addColorStop(1, fade(color, 0));
    context.fillStyle = light;
    context.beginPath();
    context.moveTo(width / 2, top);
    context.lineTo(width / 2 + Math.cos(angle - half) * far * 1.4, top + Math.sin(angle - half) * far * 1.4);
    context.lineTo(width / 2 + Math.cos(angle + half) * far * 1.4, top + Math.sin(angle + half) * far * 1.4);
    context.fill();
  }
}

/** Points of light, denser with the width. */
function stars(context: Context, width: number, height: number, color: string, count: number): void {
  const next = stream(20_261_126);
  for (let i = 0; i < count * (width / height / 1.78); i++) {
    const size = height * (0.0006 + 0.0022 * next() ** 3);
    context.fillStyle = fade(color, 0.2 + 0.7 * next());
    context.beginPath();
    context.arc(next() * width, next() * height, size, 0, 7);
    context.fill();
  }
}

/** Large soft lights out of focus. */
function bokeh(context: Context, width: number, height: number, colors: readonly string[]): void {
  const next = stream(7_919);
  for (let i = 0; i < 26 * (width / height / 1.78); i++) {
    const x = next() * width;
    const y = next() * height;
    const size = height * (0.03 + 0.1 * next());
    const color = colors[i % colors.length] ?? '#ffffff';
    const light = context.createRadialGradient(x, y, size * 0.6, x, y, size);
    light.addColorStop(0, fade(color, 0.1));
    light.addColorStop(0.9, fade(color, 0.14));
    light.addColorStop(1, fade(color, 0));
    context.fillStyle = light;
    context.fillRect(x - size, y - size, size * 2, size * 2);
  }
}

/** Arcs behind one another, as clouds and waves are drawn of old. */
function waves(context: Context, width: number, height: number, color: string, alpha: number): void {
  const size = height * 0.085;
  context.lineWidth = height * 0.0022;
  for (let row = 0; row < 4; row++) {
    for (let x = -size + (row % 2) * size; x < width + size; x += size * 2) {
      const y = height + size * 0.2 - row * size * 0.55;
      for (let ring = 1; ring <= 3; ring++) {
        context.strokeStyle = fade(color, (alpha * (4 - row)) / 4);
        context.beginPath();
        context.arc(x, y, (size * ring) / 3, Math.PI, 0);
        context.stroke();
      }
    }
  }
}

/** Thin lines that run down from the right. */
function lines(context: Context, width: number, height: number, color: string): void {
  context.lineWidth = height * 0.0014;
  for (let i = 0; i < 26; i++) {
    context.strokeStyle = fade(color, 0.05 + 0.1 * ((i * 7) % 5 === 0 ? 1 : 0.3));
    const x = (width * i) / 20;
    context.beginPath();
    context.moveTo(x, 0);
    context.lineTo(x - height * 0.9, height);
    context.stroke();
  }
}

/** How much of the theme lies over the host's picture: everywhere, and where words always stand, at the top and the foot. */
const VEIL = 0.34;
const VEIL_EDGE = 0.86;
/** How far those reach into the frame, of its height. */
const VEIL_TOP = 0.24;
const VEIL_FOOT = 0.2;

/** The host's picture: fills the frame, cut where it must be, under a veil of the theme's colour. */
function photo(context: Context, width: number, height: number, picture: ImageBitmap, veil: string): void {
  const scale = Math.max(width / picture.width, height / picture.height);
  const across = picture.width * scale;
  const up = picture.height * scale;
  context.drawImage(picture, (width - across) / 2, (height - up) / 2, across, up);
  context.fillStyle = fade(veil, VEIL);
  context.fillRect(0, 0, width, height);
  for (const [from, to] of [
    [0, height * VEIL_TOP],
    [height, height * (1 - VEIL_FOOT)],
  ] as const) {
    const edge = context.createLinearGradient(0, from, 0, to);
    edge.addColorStop(0, fade(veil, VEIL_EDGE));
    edge.addColorStop(0.55, fade(veil, VEIL_EDGE * 0.6));
    edge.addColorStop(1, fade(veil, 0));
    context.fillStyle = edge;
    context.fillRect(0, Math.min(from, to), width, Math.abs(to - from));
  }
}

/** Paints the whole background of a theme, or the host's picture in its place; the same every time. */
export function paintBackdrop(
  context: Context,
  width: number,
  height: number,
  { theme, picture }: { theme: ThemeName; picture: ImageBitmap | null },
): void {
  const palette = paletteOf(theme);
  const [bright, middle, edge] = palette.back;
  if (picture !== null) {
    photo(context, width, height, picture, middle);
    return;
  }
  const base = context.createRadialGradient(
    width / 2,
    0,
    0,
    width / 2,
    0,
    Math.max(width * 0.75, height * 1.25),
  );
  base.addColorStop(0, bright);
  base.addColorStop(0.42, middle);
  base.addColorStop(1, edge);
  context.fillStyle = base;
  context.fillRect(0, 0, width, height);
  switch (theme) {
    case 'night':
      bokeh(context, width, height, ['#2f62d8', '#3aa0e8']);
      stars(context, width, height, '#dfeeff', 420);
      break;
    case 'jade':
      rays(context, width, height, '#5fd3a6');
      waves(context, width, height, palette.accent, 0.3);
      break;
    case 'violet':
      rays(context, width, height, '#ff8ad4');
      bokeh(context, width, height, ['#ff8ad4', '#8a6bff', '#5fc8ff']);
      break;
    case 'black':
      lines(context, width, height, palette.accent);
      stars(context, width, height, palette.accent, 260);
      break;
    case 'ivory':
      waves(context, width, height, palette.accent, 0.28);
      bokeh(context, width, height, ['#f0a23c', '#e85d4a']);
      break;
    default:
      rays(context, width, height, '#ffb347');
      waves(context, width, height, palette.accent, 0.3);
      stars(context, width, height, palette.accent, 90);
  }
}

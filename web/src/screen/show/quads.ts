import type { Box } from './names';

/** Bytes of a corner: place (4 × f32), texture (2 × f32), size (2 × f32), colour (4 × u8). */
export const STRIDE = 36;
const WORDS = STRIDE / 4;
const NOTHING: Box = [0, 0, 0, 0];

/** What a quad shows: a name on the globe, or flat a name, a winner's name, plain colour. */
export const GLOBE = 0;
export const NAME = 1;
export const HERO = 2;
export const PLAIN = 3;

/** A colour as 0xAABBGGRR, not yet multiplied by its alpha. */
export type Color = number;

export function colorOf(hex: string): Color {
  const value = Number.parseInt(hex.slice(1, 7), 16);
  return ((value & 0xff) << 16) | (value & 0xff00) | (value >>> 16);
}

/** Both, mixed channel by channel. */
export function mixed(a: Color, b: Color, part: number): Color {
  let out = 0;
  for (const shift of [0, 8, 16]) {
    const x = (a >>> shift) & 0xff;
    const y = (b >>> shift) & 0xff;
    out |= Math.round(x + (y - x) * part) << shift;
  }
  return out;
}

/** Quads that a frame adds: written anew each time, into memory that stays. Units: half the height of the stage. */
export class Quads {
  count = 0;
  readonly floats: Float32Array;
  private readonly words: Uint32Array;

  constructor(readonly most: number) {
    const bytes = new ArrayBuffer(most * 4 * STRIDE);
    this.floats = new Float32Array(bytes);
    this.words = new Uint32Array(bytes);
  }

  clear(): void {
    this.count = 0;
  }

  /** Corner `k` of the quad that is being written. */
  private corner(k: number, x: number, y: number, z: number, kind: number, box: Box, color: number): void {
    const at = (this.count * 4 + k) * WORDS;
    const { floats } = this;
    floats[at] = x;
    floats[at + 1] = y;
    floats[at + 2] = z;
    floats[at + 3] = k + 4 * kind;
    floats[at + 4] = k === 1 || k === 2 ? box[0] + box[2] : box[0];
    floats[at + 5] = k > 1 ? box[1] + box[3] : box[1];
    this.words[at + 8] = color;
  }

  /** A rectangle about its middle; `turn` in radians. */
  plain(x: number, y: number, width: number, height: number, color: Color, alpha = 1, turn = 0): void {
    const c = Math.cos(turn);
    const s = Math.sin(turn);
    if (this.count >= this.most) return;
    const tint = withAlpha(color, alpha);
    const w = width / 2;
    const h = height / 2;
    this.corner(0, x - w * c - h * s, y - w * s + h * c, 0, PLAIN, NOTHING, tint);
    this.corner(1, x + w * c - h * s, y + w * s + h * c, 0, PLAIN, NOTHING, tint);
    this.corner(2, x + w * c + h * s, y + w * s - h * c, 0, PLAIN, NOTHING, tint);
    this.corner(3, x - w * c + h * s, y - w * s - h * c, 0, PLAIN, NOTHING, tint);
    this.count += 1;
  }

  /** A name about its middle: as high as `em` allows, no wider than `width`; `squash` narrows it as it turns. */
  name(
    kind: number,
    box: Box,
    x: number,
    y: number,
    em: number,
    width: number,
    color: Color,
    alpha = 1,
    squash = 1,
  ): void {
    const [, , wide, high] = box;
    if (wide === 0 || this.count >= this.most) return;
    const unit = Math.min(em / (high / 1.34), width / wide);
    const w = (wide * unit * squash) / 2;
    const h = (high * unit) / 2;
    const tint = withAlpha(color, alpha);
    this.corner(0, x - w, y + h, 0, kind, box, tint);
    this.corner(1, x + w, y + h, 0, kind, box, tint);
    this.corner(2, x + w, y - h, 0, kind, box, tint);
    this.corner(3, x - w, y - h, 0, kind, box, tint);
    this.count += 1;
  }

  /** A name on the globe: its direction, and its half size in em. */
  globe(direction: readonly [number, number, number], box: Box, em: number, color: Color, alpha = 1): void {
    if (this.count >= this.most) return;
    const [x, y, z] = direction;
    const tint = withAlpha(color, alpha);
    for (let k = 0; k < 4; k++) {
      this.corner(k, x, y, z, GLOBE, box, tint);
      const at = (this.count * 4 + k) * WORDS;
      this.floats[at + 6] = box[2] / em / 2;
      this.floats[at + 7] = box[3] / em / 2;
    }
    this.count += 1;
  }
}

function withAlpha(color: Color, alpha: number): number {
  return ((Math.round(Math.min(1, Math.max(0, alpha)) * 255) << 24) | color) >>> 0;
}

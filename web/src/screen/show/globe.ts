import { globe } from './motion';
import type { Box } from './names';
import { mixed, Quads } from './quads';
import type { Scene, Start } from './styles';

/** Names are repeated until the globe has so many: a small meeting is no bare ball. */
const LEAST = 240;
/** Radius in half heights of the stage, before the perspective takes a fifth of it. */
const RADIUS = 1.08;
const TILT = 0.3;

export interface Shape {
  /** Names on the globe, repeated ones included. */
  count: number;
  /** Size of the letters, in half heights. */
  em: number;
  /** Size of the letters in the texture, px. */
  texture: number;
  tilt: number;
  look(aspect: number): { across: number; up: number; em: number };
}

/** A globe of so many people. */
export function globeShape(people: number): Shape {
  const count = people === 0 ? LEAST : people * Math.ceil(LEAST / people);
  const cell = Math.sqrt((4 * Math.PI) / count) * RADIUS;
  const em = Math.min(0.4 * cell, 0.1);
  // As large as on a stage of 1080 lines where it is nearest, and in all no larger than the texture.
  const texture = Math.min(
    Math.max(12, em * 405 * 1.6),
    64,
    Math.sqrt(13_000_000 / (4.9 * Math.max(people, 1))),
  );
  return {
    count,
    em,
    texture,
    tilt: TILT,
    look: (aspect) => ({ across: RADIUS * stretch(aspect), up: RADIUS, em }),
  };
}

/** On a wide stage the globe is a little wider than high. */
function stretch(aspect: number): number {
  return Math.min(1.9, Math.max(1, aspect / 2.4));
}

/** All names in their places, in the colours of the theme; without names a globe of lights. */
export function globePlace(names: readonly Box[], { ink, accent, soft }: Scene['colors']): Quads {
  const { count } = globeShape(names.length);
  const quads = new Quads(count);
  for (let i = 0; i < count; i++) {
    const box = names[i % Math.max(1, names.length)] ?? [0, 0, 0, 0];
    const color = i % 5 === 0 ? accent : i % 3 === 0 ? soft : mixed(ink, soft, 0.25);
    quads.globe(globe(i, count), box, (box[3] || 1) / 1.34, color);
  }
  return quads;
}

/** Where the globe's name `i` is seen, as its vertex shader puts it. */
export function globeStart(i: number, people: number, turn: number, shape: Shape, aspect: number): Start {
  if (i < 0) return { x: 0, y: 0, em: 0.05, width: 0.2 };
  const [x, y, z] = globe(i, globeShape(people).count);
  const px = x * Math.cos(turn) + z * Math.sin(turn);
  const pz = z * Math.cos(turn) - x * Math.sin(turn);
  const c = Math.cos(shape.tilt);
  const s = Math.sin(shape.tilt);
  const near = 2.6 / (3.4 - (pz * c + y * s));
  const { across, up } = shape.look(aspect);
  return { x: px * across * near, y: (y * c - pz * s) * up * near, em: shape.em * near, width: shape.em * 4 };
}

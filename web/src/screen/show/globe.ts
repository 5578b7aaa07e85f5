import { globe } from './motion';
import type { Box } from './names';
import { mixed, Quads } from './quads';
import type { Scene, Start } from './styles';

/** Names are repeated until the globe has so many: a small meeting is no bare ball. */
const LEAST = 240;
/** Radius in half heights of the stage, before the perspective takes a fifth of it. */
const RADIUS = 1.08;
const TILT = 0.3;

/** Most places on the globe: of more people several stand side by side in one, for each place costs a processor its time. */
const PLACES = 2_500;
/** Width of a name with the gap behind it, and height of a row of names, in em: what most of them take. */
const NAME_WIDE = 3.2;
const ROW_HIGH = 1.5;

export interface Shape {
  /** Names on the globe, repeated ones included. */
  count: number;
  /** Names that stand side by side in a place. */
  each: number;
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
  const each = Math.ceil(count / PLACES);
  const cell = Math.sqrt((4 * Math.PI) / count) * RADIUS;
  const em = each > 1 ? cell / Math.sqrt(NAME_WIDE * ROW_HIGH) : Math.min(0.4 * cell, 0.1);
  // As large as on a stage of 1080 lines where it is nearest, and in all no larger than the texture.
  const texture = Math.min(
    Math.max(12, em * 405 * 1.6),
    64,
    Math.sqrt(13_000_000 / (4.9 * Math.max(people, 1))),
  );
  return {
    count,
    each,
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

/** Names that are neighbours in the texture as one box, at most so many. */
function runs(names: readonly Box[], each: number): Box[] {
  const made: Box[] = [];
  let count = 0;
  for (const [x, y, width, height] of names) {
    const last = made[made.length - 1];
    if (last !== undefined && count < each && last[1] === y) {
      made[made.length - 1] = [last[0], y, x + width - last[0], height];
      count += 1;
    } else {
      made.push([x, y, width, height]);
      count = 1;
    }
  }
  return made;
}

/** Directions of so many places in rings, each `wide` times as wide as it is high. */
export function rings(count: number, wide: number): [number, number, number][] {
  const rows = Math.max(1, Math.round(Math.sqrt((count * Math.PI * wide) / 4)));
  // A ring has places as it is long; what is left over of one goes to the next.
  const length = Array.from({ length: rows }, (_, i) => Math.sin((Math.PI * (i + 0.5)) / rows));
  const all = length.reduce((sum, one) => sum + one, 0);
  let told = 0;
  let placed = 0;
  return length.flatMap((one, row) => {
    told += one;
    const here = Math.round((count * told) / all) - placed;
    placed += here;
    const up = Math.cos((Math.PI * (row + 0.5)) / rows);
    return Array.from({ length: here }, (_, i): [number, number, number] => {
      const angle = (2 * Math.PI * (i + (row % 2) / 2)) / here;
      return [one * Math.cos(angle), up, one * Math.sin(angle)];
    });
  });
}

/** All names in their places, in the colours of the theme; without names a globe of lights. */
export function globePlace(names: readonly Box[], { ink, accent, soft }: Scene['colors']): Quads {
  const { count, each } = globeShape(names.length);
  const boxes = each > 1 ? runs(names, each) : names;
  const places = each > 1 ? boxes.length : count;
  const ring = each > 1 ? rings(places, (each * NAME_WIDE) / ROW_HIGH) : null;
  const quads = new Quads(places);
  for (let i = 0; i < places; i++) {
    const box = boxes[i % Math.max(1, boxes.length)] ?? [0, 0, 0, 0];
    const color = i % 5 === 0 ? accent : i % 3 === 0 ? soft : mixed(ink, soft, 0.25);
    quads.globe(ring?.[i] ?? globe(i, count), box, (box[3] || 1) / 1.34, color);
  }
  return quads;
}

let ringed: { people: number; places: readonly [number, number, number][] } = { people: 0, places: [] };

/** Direction of name `i`: exact, or where the places of such names are about. */
function whereAbouts(i: number, people: number): [number, number, number] {
  const { count, each } = globeShape(people);
  if (each === 1) return globe(i, count);
  if (ringed.people !== people)
    ringed = { people, places: rings(Math.ceil(people / each), (each * NAME_WIDE) / ROW_HIGH) };
  const { places } = ringed;
  return places[Math.min(places.length - 1, Math.floor(i / each))] ?? [0, 0, 1];
}

/** Where the globe's name `i` is seen, as its vertex shader puts it. */
export function globeStart(i: number, people: number, turn: number, shape: Shape, aspect: number): Start {
  if (i < 0) return { x: 0, y: 0, em: 0.05, width: 0.2 };
  const [x, y, z] = whereAbouts(i, people);
  const px = x * Math.cos(turn) + z * Math.sin(turn);
  const pz = z * Math.cos(turn) - x * Math.sin(turn);
  const c = Math.cos(shape.tilt);
  const s = Math.sin(shape.tilt);
  const near = 2.6 / (3.4 - (pz * c + y * s));
  const { across, up } = shape.look(aspect);
  return { x: px * across * near, y: (y * c - pz * s) * up * near, em: shape.em * near, width: shape.em * 4 };
}

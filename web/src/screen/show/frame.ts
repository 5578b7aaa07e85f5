import type { colorsOf } from './colors';
import type { Card, Frame, Setting } from './engine';
import { confetti, fly, type Target } from './finale';
import { around, type Ellipse, type Region, type Shot, viewOf } from './gl';
import { globeShape, globeStart } from './globe';
import { hull, lightAt } from './lights';
import { type Beat, FLY_MS, flight, SPIN_MS, turn, way } from './motion';
import type { Box } from './names';
import type { Quads } from './quads';
import { regionAt } from './regions';
import { FLAT, leaving, type Scene, startOf } from './styles';

/** What a frame is drawn from. */
export interface Material {
  setting: Setting;
  size: Frame;
  /** Names in their texture, and whose they are by number of the person. */
  names: readonly Box[];
  places: ReadonlyMap<number, number>;
  heroes: readonly Box[];
  colors: ReturnType<typeof colorsOf>;
}

/** The box that holds an ellipse of the canvas. */
function boxOf([x, y, across, up]: Ellipse): Region {
  return { x: (1 + x - across) / 2, y: (1 - y - up) / 2, width: across, height: up };
}

/** Names fly in a curve above the straight way to their cards, in heights of the frame. */
const CURVE = 0.06;

function boxOfCard({ x, y, width, height }: Card, size: Frame): Region {
  const top = y / size.height - CURVE;
  return {
    x: x / size.width,
    y: top,
    width: width / size.width,
    height: height / size.height + CURVE,
  };
}

/** Writes the quads of a moment. */
export function compose(quads: Quads, material: Material, beat: Beat): Shot {
  const { setting, size, names, heroes, colors } = material;
  const { style } = setting;
  const region = regionAt(beat);
  const frame = size.width / size.height;
  const aspect = (frame * region.width) / region.height;
  const scene: Scene = {
    beat,
    aspect,
    names,
    winners: beat.pace === 'reveal' ? heroes.length : 0,
    k: setting.k,
    hero: (i) => heroes[i] ?? [0, 0, 0, 0],
    seed: setting.seed,
    colors,
    still: setting.still,
  };
  quads.clear();
  const view = viewOf(region, frame);
  const [middleX, , scale] = view;
  if (beat.pace === 'reveal') {
    // The paper falls over the whole frame, whatever part of it the stage has.
    confetti(quads, { ...scene, aspect: (frame + Math.abs(middleX)) / scale }, colors.mark);
  }
  const moves = beat.pace !== 'reveal' || beat.now - beat.since < SPIN_MS + FLY_MS;
  if (style !== 'sphere' && moves) FLAT[style](quads, scene);
  forward(quads, material, scene, view);
  const shape = globeShape(names.length);
  const alpha = leaving(beat);
  const look: Shot['look'] =
    style === 'sphere' && alpha > 0.11
      ? { ...shape.look(aspect), turn: turn(way(beat)), tilt: shape.tilt, alpha }
      : null;
  // Where nothing moves there is one frame alone, and that is lit.
  const light = setting.still ? 1 : lightAt(beat);
  const cards = flight(beat) > 0 ? setting.cards.map((card) => boxOfCard(card, size)) : [];
  const globe = look === null ? [] : [boxOf(around(look, view, frame))];
  // Beside the stage stand the facts of the draw, until it has the whole width.
  return {
    region,
    look,
    within: beat.pace !== 'reveal',
    light,
    spot: light > 0 ? null : hull([...(style === 'sphere' ? globe : [region]), ...cards]),
  };
}

/** Winners on their way to their cards. */
function forward(
  quads: Quads,
  { setting, size, names, places, colors }: Material,
  scene: Scene,
  [middleX, middleY, scale]: readonly [number, number, number],
): void {
  const { beat, aspect } = scene;
  if (beat.pace !== 'reveal' || beat.now - beat.since >= SPIN_MS + FLY_MS + 600) return;
  const { style, winners, cards } = setting;
  const target = ({ x, y, width, height }: Card): Target => ({
    x: ((2 * x + width - size.width) / size.height - middleX) / scale,
    y: (1 - (2 * y + height) / size.height - middleY) / scale,
    width: (2 * width) / size.height / scale,
    height: (2 * height) / size.height / scale,
  });
  /** −1 when the globe does not have that name. */
  const indexOf = (i: number): number => places.get(winners[i]?.no ?? 0) ?? -1;
  const shape = globeShape(names.length);
  const angle = turn(way(beat));
  const start = (i: number) =>
    style === 'sphere'
      ? globeStart(indexOf(i), names.length, angle, shape, aspect)
      : startOf(style, i, scene);
  fly(quads, scene, cards.map(target), start, { plate: colors.paper, name: colors.name });
}

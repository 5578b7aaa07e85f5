import { CONFETTI_MS, clamp01, FLY_MS, flight, flightOf, hash, SPIN_MS, smooth } from './motion';
import { type Color, HERO, type Quads } from './quads';
import type { Scene, Start } from './styles';

/** A winner's card on the stage: its middle and size. */
export interface Target {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** Winners come forward from where they were and grow into the cards that will stand there. */
export function fly(
  quads: Quads,
  scene: Scene,
  targets: readonly Target[],
  start: (i: number) => Start,
  paper: { plate: Color; name: Color },
): void {
  const all = flight(scene.beat);
  if (all <= 0) return;
  const n = Math.min(scene.winners, targets.length);
  for (let i = 0; i < n; i++) {
    const target = targets[i];
    if (target === undefined) continue;
    const f = flightOf(i, n, all);
    const from = start(i);
    const arc = Math.sin(f * Math.PI) * 0.12;
    const x = from.x + (target.x - from.x) * f;
    const y = from.y + (target.y - from.y) * f + arc;
    const width = from.width * (1 - f) + target.width * f;
    const height = from.em * 1.5 * (1 - f) + target.height * f;
    quads.plain(x, y, width, height, paper.plate, 0.35 + 0.65 * smooth(f * 1.6));
    const em = from.em * (1 - f) + Math.min(target.height * 0.42, target.width * 0.29) * f;
    quads.name(HERO, scene.hero(i), x, y, em, width * 0.9, paper.name);
  }
}

const PIECES = 110;
/** Before the stage rests it is clean: so long before, the last piece is gone. */
const CLEAN_MS = 500;

/** Coloured paper that falls behind the cards, from the moment when the winners stand. */
export function confetti(quads: Quads, scene: Scene, colors: readonly Color[]): void {
  const t = scene.beat.now - scene.beat.since - SPIN_MS - FLY_MS;
  const left = CONFETTI_MS - CLEAN_MS - t;
  if (scene.beat.pace !== 'reveal' || t < 0 || left < 0) return;
  const seconds = t / 1000;
  const fading = clamp01(left / 1500);
  const pieces = Math.round((PIECES * scene.aspect) / 1.78);
  for (let i = 0; i < pieces; i++) {
    const speed = 0.3 + 0.4 * hash(i, 1);
    const y = 1.15 + 1.6 * hash(i, 2) - seconds * speed;
    if (y > 1.1 || y < -1.1) continue;
    const x = (2 * hash(i, 3) - 1) * scene.aspect + 0.06 * Math.sin(seconds * (1 + 2 * hash(i, 4)) + i);
    const size = 0.016 + 0.014 * hash(i, 5);
    const flat = 0.25 + 0.75 * Math.abs(Math.cos(seconds * (2 + 3 * hash(i, 6)) + i));
    const color = colors[i % colors.length] ?? 0xffffff;
    quads.plain(x, y, size * 1.7, size * flat, color, 0.95 * fading, seconds * (1 + hash(i, 7)) + i);
  }
}

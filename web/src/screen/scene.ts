import type { DrawView, Message, State } from '../shared/state';
import type { Wire } from '../wire';
import { FLY_MS, SPIN_MS, STAND_MS } from './show/motion';

/** How long names move after the result is known, ms. All screens count from the server's `revealed_at`. */
export const ROLL_MS = SPIN_MS + FLY_MS + STAND_MS;

/** What the screen shows now. */
export type View =
  | { name: 'lobby' }
  | { name: 'checkin' }
  | { name: 'ready'; round: Wire['RoundView'] }
  | { name: 'randomness' | 'drawing' | 'winners' | 'void'; draw: DrawView }
  | { name: 'summary' }
  | { name: 'pause'; text: string; picture: string };

/** A draw that is shown until the host chooses another scene than the one there was when the draw came. */
export interface Follow {
  draw: number;
  scene: string;
}

/** The scene as a text to compare. */
export function sceneKey({ name, round_id, draw, text, picture }: Wire['Scene']): string {
  return JSON.stringify([name, round_id ?? '', draw ?? 0, text ?? '', picture ?? '']);
}

/** After a message: a draw that moves is followed, a choice of the host ends it. `state` already has the message. */
export function nextFollow(follow: Follow | null, message: Message, state: State | null): Follow | null {
  if (message.type === 'draw' && state !== null) {
    return { draw: message.data.draw.draw, scene: sceneKey(state.scene) };
  }
  return message.type === 'scene' ? null : follow;
}

/** Reads what a screen kept over a reload. */
export function readFollow(text: string | null): Follow | null {
  try {
    const value: unknown = JSON.parse(text ?? 'null');
    if (typeof value !== 'object' || value === null) return null;
    const { draw, scene } = value as Record<string, unknown>;
    return typeof draw === 'number' && typeof scene === 'string' ? { draw, scene } : null;
  } catch {
    return null;
  }
}

function ofDraw(draw: DrawView, now: number): View {
  if (draw.state === 'void') return { name: 'void', draw };
  if (draw.state !== 'revealed') return { name: 'randomness', draw };
  const rolling = typeof draw.revealed_at === 'number' && now < draw.revealed_at + ROLL_MS;
  return { name: rolling ? 'drawing' : 'winners', draw };
}

function chosen(state: State, now: number): View {
  const { scene, draws, rounds } = state;
  switch (scene.name) {
    case 'pause':
      return { name: 'pause', text: scene.text ?? '', picture: scene.picture ?? '' };
    case 'summary':
      return { name: 'summary' };
    case 'checkin':
      // Turned off meanwhile: there is no code to show.
      return { name: state.meeting.settings.checkin === true ? 'checkin' : 'lobby' };
    case 'draw': {
      const draw = draws.find((one) => one.draw === scene.draw) ?? draws[draws.length - 1];
      return draw === undefined ? { name: 'lobby' } : ofDraw(draw, now);
    }
    case 'ready': {
      const round = rounds.find((one) => one.id === scene.round_id) ?? rounds.find((one) => !one.draw);
      if (round === undefined) return { name: 'lobby' };
      // The round that was announced has been drawn since: its draw is what comes next.
      const drawn = draws.filter((one) => one.round_id === round.id && one.state !== 'void').pop();
      return drawn === undefined ? { name: 'ready', round } : ofDraw(drawn, now);
    }
    default:
      return { name: 'lobby' };
  }
}

/**
 * The view of a moment: an open draw before everything (nobody can hide it), then the draw that is followed,
 * then the host's choice. `now` is the server's clock, ms.
 */
export function choose(state: State, follow: Follow | null, now: number): View {
  const open = state.draws.find((draw) => draw.state === 'committed' || draw.state === 'closed');
  if (open !== undefined) return ofDraw(open, now);
  const followed =
    follow !== null && follow.scene === sceneKey(state.scene)
      ? state.draws.find((draw) => draw.draw === follow.draw)
      : undefined;
  return followed === undefined ? chosen(state, now) : ofDraw(followed, now);
}

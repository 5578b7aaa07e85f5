import { describe, expect, it } from 'vitest';
import { draw, NOW, revealed, round, seats, snapshot } from '../../e2e/fixtures';
import type { Message, State } from '../shared/state';
import { choose, type Follow, nextFollow, ROLL_MS, readFollow, sceneKey } from './scene';

const state = (over: Parameters<typeof snapshot>[0] = {}): State => ({ ...snapshot(over), me: null });
const event = (type: string, data: unknown): Message => ({ type, data, at: NOW, seq: 2 }) as Message;
const won = revealed({ winners: seats(3) });

describe('the scene', () => {
  it('is the host’s choice while no draw moves', () => {
    expect(choose(state(), null, NOW).name).toBe('lobby');
    expect(choose(state({ scene: { name: 'summary' } }), null, NOW).name).toBe('summary');
    expect(choose(state({ scene: { name: 'pause', text: 'x' } }), null, NOW)).toEqual({
      name: 'pause',
      picture: '',
      text: 'x',
    });
    expect(choose(state({ scene: { name: 'something new' } }), null, NOW).name).toBe('lobby');
    expect(choose(state({ scene: { name: 'draw', draw: 1 }, draws: [won] }), null, NOW).name).toBe('winners');
  });

  it('is an open draw whatever the host chose, so that none can be hidden', () => {
    for (const name of ['lobby', 'pause', 'summary']) {
      const view = choose(state({ scene: { name }, draws: [won, draw({ draw: 2 })] }), null, NOW);
      expect(view).toMatchObject({ name: 'randomness', draw: { draw: 2 } });
    }
  });

  it('rolls names for the same moments on every screen', () => {
    const now = state({ scene: { name: 'draw', draw: 1 }, draws: [revealed({ revealed_at: NOW })] });
    expect(choose(now, null, NOW + ROLL_MS - 1).name).toBe('drawing');
    expect(choose(now, null, NOW + ROLL_MS).name).toBe('winners');
  });

  it('goes from the announced round to its draw, but not to a void one', () => {
    const ready = { scene: { name: 'ready', round_id: 'r1' }, rounds: [round()] };
    expect(choose(state(ready), null, NOW).name).toBe('ready');
    expect(choose(state({ ...ready, draws: [won] }), null, NOW).name).toBe('winners');
    expect(choose(state({ ...ready, draws: [draw({ state: 'void' })] }), null, NOW).name).toBe('ready');
    expect(choose(state({ scene: { name: 'ready' }, rounds: [] }), null, NOW).name).toBe('lobby');
  });

  it('follows a draw until the host chooses anew, also over a reload', () => {
    const lobby = state({ draws: [won] });
    const follow = nextFollow(null, event('draw', { draw: won }), lobby);
    expect(follow).toEqual({ draw: 1, scene: sceneKey(lobby.scene) });
    expect(choose(lobby, follow, NOW).name).toBe('winners');
    expect(choose(lobby, readFollow(JSON.stringify(follow)), NOW).name).toBe('winners');
    expect(nextFollow(follow, event('counts', {}), lobby)).toBe(follow);
    expect(nextFollow(follow, event('scene', { name: 'lobby' }), lobby)).toBeNull();
    // Missed the choice itself, but the snapshot has another scene than the one there was.
    expect(choose(state({ scene: { name: 'summary' }, draws: [won] }), follow, NOW).name).toBe('summary');
  });

  it.each([null, '', '{', '[]', '{"draw":"1","scene":"x"}'])('takes %s for nothing kept', (text) => {
    expect(readFollow(text)).toBeNull();
  });

  it('shows a void draw that was followed', () => {
    const gone = draw({ state: 'void' });
    const follow: Follow = { draw: 1, scene: sceneKey({ name: 'lobby' }) };
    expect(choose(state({ draws: [gone] }), follow, NOW).name).toBe('void');
  });
});

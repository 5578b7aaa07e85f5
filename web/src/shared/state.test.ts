import { describe, expect, it } from 'vitest';
import { apply, type DrawView, type Message, type SeatView, type State } from './state';

const log = { event: 'e', size: 1, head: 'h', sig: 's' };

function seat(rank: number, status: SeatView['status'] = 'waiting'): SeatView {
  return {
    rank,
    no: rank,
    pid: `${rank}`,
    name: `N${rank}`,
    department: '',
    weight: 1,
    amount_fen: 888,
    status,
  };
}

function draw(number: number, winners: SeatView[] = []): DrawView {
  return { draw: number, state: 'committed', taps: 0, winners } as unknown as DrawView;
}

/** A message as the socket would bring it. */
function message(type: string, data: unknown): Message {
  return { at: 1, type, data } as Message;
}

function start(draws: DrawView[] = []): State {
  const data = { prizes: [], rounds: [], draws, log, code: 'OLD', recent: [], scene: { name: 'lobby' } };
  const state = apply(null, message('snapshot', data));
  if (state === null) throw new Error('a snapshot makes a state');
  return state;
}

describe('apply', () => {
  it('knows nothing before the snapshot', () => {
    expect(apply(null, message('scene', { name: 'pause' }))).toBeNull();
  });

  it('replaces a draw by its number and keeps them sorted', () => {
    const state = start([draw(1), draw(3)]);
    const next = apply(state, message('draw', { draw: draw(2), log: { ...log, size: 9 }, code: 'NEW' }));
    expect(next?.draws.map(({ draw: number }) => number)).toEqual([1, 2, 3]);
    expect(next?.code).toBe('NEW');
    expect(next?.log.size).toBe(9);
    const revealed = { ...draw(2, [seat(1)]), state: 'revealed' };
    const last = apply(next, message('draw', { draw: revealed, log, code: 'X' }));
    expect(last?.draws).toHaveLength(3);
    expect(last?.draws[1]).toEqual(revealed);
  });

  it('takes a new look as a whole', () => {
    const look = { style: 'slot', theme: 'night', music: 'off', volume: 1, logo: '', prizes: {}, version: 2 };
    expect(apply(start(), message('show', look))?.show).toEqual(look);
  });

  it('changes only the seats that are named, and nothing in place', () => {
    const state = start([draw(1, [seat(1), seat(2)])]);
    const before = JSON.stringify(state);
    const next = apply(
      state,
      message('seats', { draw: 1, state: 'revealed', seats: [seat(2, 'absent')], log, code: 'C' }),
    );
    expect(next?.draws[0]?.winners.map(({ status }) => status)).toEqual(['waiting', 'absent']);
    expect(next?.draws[0]?.state).toBe('revealed');
    expect(JSON.stringify(state)).toBe(before);
  });

  it('never counts taps down', () => {
    const up = apply(start([draw(4)]), message('taps', { draw: 4, m: 7 }));
    const late = apply(up, message('taps', { draw: 4, m: 3 }));
    expect(late?.draws[0]?.taps).toBe(7);
  });

  it('keeps the last 200 who came in', () => {
    const people = Array.from({ length: 150 }, (_, no) => ({ no, name: 'x', department: '' }));
    const once = apply(start(), message('entered', { people }));
    const twice = apply(once, message('entered', { people }));
    expect(twice?.recent).toHaveLength(200);
    expect(twice?.recent[199]?.no).toBe(149);
  });

  it('keeps my own page over a new snapshot', () => {
    const mine = apply(start(), message('me', { name: '张三' }));
    const again = apply(mine, message('snapshot', { ...start() }));
    expect(again?.me).toEqual({ name: '张三' });
  });

  it('leaves the state alone for a message that it does not know', () => {
    const state = start();
    expect(apply(state, message('fireworks', {}))).toBe(state);
  });
});

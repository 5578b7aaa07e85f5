import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { effectScope } from 'vue';
import { checkpoint, revealed, seats } from '../../e2e/fixtures';
import type { Live } from '../shared/live';
import type { Message } from '../shared/state';
import { concerns, useMine } from './useMine';

const log = checkpoint(1);
const winners = seats(2);
const mine = winners[0]?.no ?? 0;
const told = { at: 0, seq: 1, type: 'draw', data: { draw: revealed({ winners }), log, code: '' } } as Message;
const paid = {
  at: 0,
  seq: 2,
  type: 'seats',
  data: { draw: 1, state: 'revealed', seats: winners.slice(0, 1), log, code: '' },
} as Message;
const own = { at: 0, type: 'me', data: { step: 'in' } } as unknown as Message;

let answers: (() => Response)[];
let asked: number;

beforeEach(() => {
  vi.useFakeTimers();
  answers = [];
  asked = 0;
  vi.stubGlobal('fetch', async () => {
    asked += 1;
    return (answers.shift() ?? (() => new Response('{"step":"in","name":"fetched"}')))();
  });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function page(no: number | null) {
  let say: (message: Message) => void = () => undefined;
  const live = {
    onMessage: (run: (message: Message) => void) => {
      say = run;
      return () => undefined;
    },
  } as unknown as Live;
  const scope = effectScope();
  const fetched = scope.run(() => useMine('gala', live, () => no));
  return { say: (message: Message) => say(message), name: () => fetched?.value?.name ?? null, scope };
}

describe('my own page', () => {
  it('is asked for when an event tells of me and nothing comes', async () => {
    const { say, name } = page(mine);
    say(told);
    say(paid);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(asked).toBe(0);
    await vi.advanceTimersByTimeAsync(4_000);
    expect([asked, name()]).toEqual([1, 'fetched']);
    say(own);
    expect(name()).toBeNull();
  });

  it('is not asked for when it came, nor for what concerns others', async () => {
    const { say } = page(mine);
    say(paid);
    say(own);
    await vi.advanceTimersByTimeAsync(60_000);
    const other = page(mine + 1000);
    other.say(told);
    other.say(paid);
    page(null).say(told);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(asked).toBe(0);
    expect(concerns(paid, mine)).toBe(true);
  });

  it('is asked for again when the answer fails, not for ever, and never after the page is gone', async () => {
    const down = () => new Response('', { status: 503 });
    answers = [down, down];
    const { say, name } = page(mine);
    say(paid);
    await vi.advanceTimersByTimeAsync(60_000);
    expect([asked, name()]).toEqual([3, 'fetched']);
    answers = Array.from({ length: 20 }, () => down);
    say(paid);
    await vi.advanceTimersByTimeAsync(120_000);
    expect(asked).toBe(8);
    const gone = page(mine);
    gone.say(paid);
    gone.scope.stop();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(asked).toBe(8);
  });
});

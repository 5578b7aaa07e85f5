import { describe, expect, it } from 'vitest';
import { Connection, type Numbered, type Socket, type Status } from './connection';

interface Event extends Numbered {
  data?: unknown;
}

class FakeSocket implements Socket {
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  closed = false;

  constructor(readonly url: string) {}

  close(): void {
    this.closed = true;
  }

  send(type: string, seq?: number, data?: unknown, at = 5000): void {
    this.onmessage?.({ data: JSON.stringify({ type, at, ...(seq === undefined ? {} : { seq }), data }) });
  }

  fail(): void {
    this.onclose?.({ code: 1006 });
  }
}

/** A connection in a world where time stands still until `wake` runs what waits. */
function world(random = 0, unpack?: (message: Event) => Event | 'nothing' | 'unreadable') {
  const sockets: FakeSocket[] = [];
  const timers: { due: number; ms: number; run: () => void }[] = [];
  const clock = { now: 1000 };
  const got: (number | string)[] = [];
  const statuses: Status[] = [];
  const connection = new Connection<Event>(
    (after) => `after=${after}`,
    {
      ...(unpack === undefined ? {} : { unpack }),
      message: ({ seq, type }) => got.push(seq ?? type),
      status: (status) => {
        if (statuses[statuses.length - 1] !== status) statuses.push(status);
      },
    },
    {
      open: (url) => {
        const socket = new FakeSocket(url);
        sockets.push(socket);
        return socket;
      },
      now: () => clock.now,
      later: (ms, run) => {
        const timer = { due: clock.now + ms, ms, run };
        timers.push(timer);
        return () => {
          if (timers.includes(timer)) timers.splice(timers.indexOf(timer), 1);
        };
      },
      random: () => random,
    },
  );
  const socket = (): FakeSocket => {
    const newest = sockets[sockets.length - 1];
    if (newest === undefined) throw new Error('no socket was opened');
    return newest;
  };
  /** Runs the only thing that waits. */
  const wake = (): number => {
    const timer = timers.pop();
    if (timer === undefined || timers.length > 0) throw new Error('one thing should wait');
    timer.run();
    return timer.ms;
  };
  /** Lets time pass. */
  const pass = (ms: number): void => {
    const end = clock.now + ms;
    for (;;) {
      const next = timers.filter(({ due }) => due <= end).sort((a, b) => a.due - b.due)[0];
      if (next === undefined) break;
      timers.splice(timers.indexOf(next), 1);
      clock.now = next.due;
      next.run();
    }
    clock.now = end;
  };
  connection.connect();
  return { connection, sockets, timers, got, statuses, socket, wake, pass };
}

describe('Connection', () => {
  it('takes the snapshot and the events after it in order', () => {
    const { socket, got, statuses, connection } = world();
    expect(socket().url).toBe('after=null');
    socket().send('snapshot', 41);
    socket().send('draw', 42);
    socket().send('counts');
    socket().send('draw', 43);
    expect(got).toEqual([41, 42, 'counts', 43]);
    expect(connection.seq).toBe(43);
    expect(statuses).toEqual(['connecting', 'live']);
  });

  it('drops what it already has', () => {
    const { socket, got } = world();
    socket().send('snapshot', 5);
    socket().send('draw', 5);
    socket().send('draw', 6);
    socket().send('draw', 6);
    socket().send('draw', 2);
    expect(got).toEqual([5, 6]);
  });

  it('comes back after the last event when one is missing, whatever the order was', () => {
    const { sockets, socket, got, wake, statuses } = world();
    socket().send('snapshot', 5);
    const first = socket();
    first.send('draw', 7);
    first.send('draw', 6);
    expect(first.closed).toBe(true);
    expect(statuses).toEqual(['connecting', 'live', 'waiting']);
    wake();
    expect(sockets).toHaveLength(2);
    expect(socket().url).toBe('after=5');
    socket().send('draw', 6);
    socket().send('draw', 7);
    expect(got).toEqual([5, 6, 7]);
  });

  it('asks for a snapshot when the missing events are gone', () => {
    const { socket, got, wake } = world();
    socket().send('snapshot', 5);
    socket().fail();
    wake();
    expect(socket().url).toBe('after=5');
    socket().send('draw', 9);
    wake();
    expect(socket().url).toBe('after=null');
    socket().send('snapshot', 9);
    expect(got).toEqual([5, 9]);
  });

  it('takes a newer snapshot at any time', () => {
    const { socket, got } = world();
    socket().send('snapshot', 50);
    socket().send('snapshot', 60);
    socket().send('draw', 61);
    expect(got).toEqual([50, 60, 61]);
  });

  it('takes a snapshot from before only first in a socket (a restored server), not one that came twice', () => {
    const { socket, got, connection, wake } = world();
    socket().send('snapshot', 50);
    socket().send('draw', 51);
    socket().send('snapshot', 50);
    expect(got).toEqual([50, 51]);
    socket().fail();
    wake();
    socket().send('snapshot', 20);
    socket().send('draw', 21);
    expect(got).toEqual([50, 51, 20, 21]);
    expect(connection.seq).toBe(21);
  });

  it('waits longer each time, at most for the limit, and anew after success', () => {
    const { socket, wake } = world(0.5);
    const waits: number[] = [];
    for (let i = 0; i < 8; i++) {
      socket().fail();
      waits.push(wake());
    }
    expect(waits).toEqual([375, 750, 1500, 3000, 6000, 11_250, 11_250, 11_250]);
    socket().send('snapshot', 1);
    socket().fail();
    expect(wake()).toBe(375);
  });

  it('spreads the return when the server says good-bye', () => {
    const { socket, wake } = world(0.5);
    socket().send('snapshot', 1);
    socket().send('bye', undefined, { within_ms: 4000 });
    expect(wake()).toBe(2000 + 375);
    expect(socket().url).toBe('after=1');
  });

  it('ignores what an abandoned socket still says, and what is no message', () => {
    const { sockets, socket, got, connection } = world();
    socket().send('snapshot', 1);
    connection.refresh();
    sockets[0]?.send('draw', 2);
    socket().onmessage?.({ data: 'no json' });
    socket().onmessage?.({ data: new ArrayBuffer(1) });
    socket().onmessage?.({ data: '17' });
    expect(got).toEqual([1]);
    expect(socket().url).toBe('after=1');
  });

  it('connects at once when told so, and only once', () => {
    const { sockets, socket, timers, connection } = world();
    socket().fail();
    const [retry] = timers;
    connection.connect();
    connection.connect();
    expect(sockets).toHaveLength(2);
    expect(timers).not.toContain(retry);
  });

  it('stays away once stopped', () => {
    const { sockets, socket, statuses, connection } = world();
    connection.stop();
    connection.connect();
    expect(socket().closed).toBe(true);
    expect(sockets).toHaveLength(1);
    expect(statuses).toEqual(['connecting', 'stopped']);
  });

  it('asks again at once for an event that it cannot read, and never for one that it has', () => {
    const kinds: Record<string, 'nothing' | 'unreadable'> = { sealed: 'nothing', opened: 'unreadable' };
    const { sockets, socket, got, statuses } = world(0, (message) => kinds[message.type] ?? message);
    socket().send('snapshot', 5);
    socket().send('sealed');
    socket().send('opened', 5);
    expect(sockets).toHaveLength(1);
    socket().send('opened', 6);
    expect(statuses).not.toContain('waiting');
    expect(socket().url).toBe('after=5');
    socket().send('draw', 6);
    expect(sockets).toHaveLength(2);
    expect(got).toEqual([5, 6]);
  });

  it('takes the least delayed message for the clock', () => {
    const { socket, connection } = world();
    socket().send('snapshot', 1, null, 4000);
    socket().send('counts', undefined, null, 4600);
    socket().send('counts', undefined, null, 4100);
    expect(connection.serverNow()).toBe(4600);
  });

  it('forgets how the clocks stood long ago: a server that was set back, a clock that runs too fast', () => {
    const { socket, connection, pass } = world();
    socket().send('snapshot', 1, null, 50_000);
    const ahead = 49_000;
    for (let second = 10; second <= 200; second += 10) {
      pass(10_000);
      socket().send('tick', undefined, undefined, 1000 + second * 1000 + (second < 60 ? ahead : 2000));
    }
    expect(connection.serverNow()).toBe(201_000 + 2000);
  });

  it('comes back when the server says nothing any more, though no socket was closed', () => {
    const { sockets, socket, pass, statuses } = world();
    socket().send('snapshot', 5);
    for (let i = 0; i < 30; i++) {
      pass(10_000);
      socket().send('tick');
    }
    expect(sockets).toHaveLength(1);
    pass(24_999);
    expect(sockets).toHaveLength(1);
    pass(1);
    expect(sockets[0]?.closed).toBe(true);
    expect(socket().url).toBe('after=5');
    expect(statuses.at(-1)).toBe('connecting');
  });

  it('gives up a socket over which nothing comes, and waits longer each time', () => {
    const { sockets, socket, pass, statuses } = world(0.5);
    pass(9_999);
    expect(sockets[0]?.closed).toBe(false);
    pass(1);
    expect([sockets[0]?.closed, statuses.at(-1)]).toEqual([true, 'waiting']);
    pass(375 + 10_000 + 749);
    expect(sockets).toHaveLength(2);
    pass(1);
    expect(sockets).toHaveLength(3);
    socket().send('snapshot', 1);
    pass(24_999);
    expect(sockets).toHaveLength(3);
    expect(statuses.at(-1)).toBe('live');
  });

  it('shows at once that there is no network, and stays on a socket that is good all the same', () => {
    const { sockets, socket, connection, statuses } = world();
    socket().send('snapshot', 1);
    connection.offline();
    expect(statuses.at(-1)).toBe('waiting');
    socket().send('tick');
    expect([statuses.at(-1), sockets.length]).toEqual(['live', 1]);
    connection.stop();
    connection.offline();
    expect(statuses.at(-1)).toBe('stopped');
  });
});

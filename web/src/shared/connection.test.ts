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
  const waits: { ms: number; run: () => void; cancelled: boolean }[] = [];
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
      now: () => 1000,
      later: (ms, run) => {
        const wait = { ms, run, cancelled: false };
        waits.push(wait);
        return () => {
          wait.cancelled = true;
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
  const wake = (): number => {
    const wait = waits.pop();
    if (wait === undefined || wait.cancelled) throw new Error('nothing waits');
    wait.run();
    return wait.ms;
  };
  connection.connect();
  return { connection, sockets, waits, got, statuses, socket, wake };
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
    const { sockets, socket, waits, connection } = world();
    socket().fail();
    connection.connect();
    connection.connect();
    expect(sockets).toHaveLength(2);
    expect(waits[0]?.cancelled).toBe(true);
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
    const { sockets, socket, got, waits } = world(0, (message) => kinds[message.type] ?? message);
    socket().send('snapshot', 5);
    socket().send('sealed');
    socket().send('opened', 5);
    expect(sockets).toHaveLength(1);
    socket().send('opened', 6);
    expect(waits).toHaveLength(0);
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
});

import { describe, expect, it } from 'vitest';
import { Connection, type Numbered, type Socket } from './connection';

interface Event extends Numbered {
  data?: { upTo?: number };
}

/** A repeatable source of chance (mulberry32): a failing seed can be run again. */
function chance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** The server as the protocol has it: a numbered log, answers to `after`, a snapshot to who is too far behind. */
class Server {
  last = 0;
  readonly lines = new Set<Line>();

  constructor(private readonly resumeMax: number) {}

  event(): void {
    this.last += 1;
    for (const line of this.lines) line.carry(this.last, 'draw');
  }

  open(line: Line, after: number | null): void {
    if (after === null || after > this.last || this.last - after > this.resumeMax) {
      line.carry(this.last, 'snapshot');
    } else {
      for (let seq = after + 1; seq <= this.last; seq++) line.carry(seq, 'draw');
    }
    this.lines.add(line);
  }
}

/** One socket over a bad network. */
class Line implements Socket {
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  readonly under: string[] = [];

  constructor(readonly server: Server) {}

  carry(seq: number, type: string): void {
    this.under.push(JSON.stringify({ seq, at: seq, type }));
  }

  close(): void {
    this.server.lines.delete(this);
  }

  /** Brings the message at a place; the others wait longer. */
  arrive(place: number): void {
    const [data] = this.under.splice(place, 1);
    if (data !== undefined) this.onmessage?.({ data });
  }

  cut(): void {
    this.close();
    this.under.length = 0;
    this.onclose?.({ code: 1006 });
  }
}

interface Faults {
  drop: number;
  double: number;
  swap: number;
  cut: number;
}

const CLEAN: Faults = { drop: 0, double: 0, swap: 0, cut: 0 };

class World {
  readonly server: Server;
  readonly waits: (() => void)[] = [];
  /** What was told to the page, in order: each event, and the number that each snapshot speaks for. */
  readonly told: { seq: number; type: string }[] = [];
  readonly connection: Connection<Event>;
  line: Line | null = null;

  constructor(
    readonly random: () => number,
    resumeMax: number,
  ) {
    this.server = new Server(resumeMax);
    this.connection = new Connection<Event>(
      (after) => String(after),
      {
        message: ({ seq, type }) => this.told.push({ seq: seq ?? -1, type }),
        status: () => undefined,
      },
      {
        open: (url) => {
          const line = new Line(this.server);
          this.line = line;
          this.server.open(line, url === 'null' ? null : Number(url));
          return line;
        },
        now: () => 0,
        later: (ms, run) => {
          // What watches for silence: time stands still here. A return is never after so round a time.
          if (ms === 10_000 || ms === 25_000) return () => undefined;
          this.waits.push(run);
          return () => {
            const place = this.waits.indexOf(run);
            if (place >= 0) this.waits.splice(place, 1);
          };
        },
        random,
      },
    );
    this.connection.connect();
  }

  step(faults: Faults): void {
    const hits = (part: number): boolean => this.random() < part;
    const { line } = this;
    if (hits(faults.cut)) line?.cut();
    if (hits(0.5)) this.waits.shift()?.();
    if (line === null || line.under.length === 0) return;
    const first = line.under[0] ?? '';
    if (hits(faults.drop)) line.under.shift();
    else if (hits(faults.double)) line.under.splice(Math.floor(this.random() * line.under.length), 0, first);
    else line.arrive(hits(faults.swap) ? Math.floor(this.random() * line.under.length) : 0);
  }

  /** A network without faults until nothing is under way; false when that never comes. */
  settle(): boolean {
    for (let turn = 0; turn < 10_000; turn++) {
      if (this.connection.seq === this.server.last && this.waits.length === 0) return true;
      if (this.line !== null && this.line.under.length === 0 && this.waits.length === 0) this.server.event();
      this.step(CLEAN);
    }
    return false;
  }
}

/** Each event once and in order; only a snapshot may jump, and never back here. */
function inOrder(told: { seq: number; type: string }[]): boolean {
  let last: number | null = null;
  for (const { seq, type } of told) {
    if (type === 'snapshot' ? last !== null && seq < last : last === null || seq !== last + 1) return false;
    last = seq;
  }
  return true;
}

const RUNS = 300;

function run(seed: number, resumeMax: number, faults: Faults): World {
  const world = new World(chance(seed), resumeMax);
  for (let turn = 0; turn < 400; turn++) {
    if (world.random() < 0.4) world.server.event();
    world.step(faults);
  }
  return world;
}

describe('a connection over a bad network', () => {
  const storms: [string, Faults][] = [
    ['loses messages', { ...CLEAN, drop: 0.1 }],
    ['doubles messages', { ...CLEAN, double: 0.2 }],
    ['swaps messages', { ...CLEAN, swap: 0.3 }],
    ['breaks', { ...CLEAN, cut: 0.1 }],
    ['does all of that', { drop: 0.05, double: 0.1, swap: 0.2, cut: 0.05 }],
  ];
  for (const [name, faults] of storms) {
    it(`that ${name} tells each event once, in order, and catches up`, () => {
      let events = 0;
      for (let seed = 1; seed <= RUNS; seed++) {
        const world = run(seed, 500, faults);
        expect(world.settle(), `seed ${seed} catches up`).toBe(true);
        expect(inOrder(world.told), `seed ${seed} is in order`).toBe(true);
        events += world.told.filter(({ type }) => type === 'draw').length;
      }
      expect(events).toBeGreaterThan(RUNS * 50);
    });
  }

  it('takes a snapshot when it was away too long, and goes on from there', () => {
    let jumps = 0;
    for (let seed = 1; seed <= RUNS; seed++) {
      const world = run(seed, 2, { drop: 0.05, double: 0.1, swap: 0.2, cut: 0.2 });
      expect(world.settle(), `seed ${seed} catches up`).toBe(true);
      expect(inOrder(world.told), `seed ${seed} is in order`).toBe(true);
      jumps += world.told.filter(({ type }) => type === 'snapshot').length - 1;
    }
    expect(jumps).toBeGreaterThan(RUNS);
  });
});

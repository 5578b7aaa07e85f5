import { steadyNow } from './steady';

/** What the connection needs to know of a message; the rest is its reader's business. */
export interface Numbered {
  seq?: number | null;
  at: number;
  type: string;
}

/** connecting: first time · live · waiting: lost, will try again by itself · stopped: closed by the page. */
export type Status = 'connecting' | 'live' | 'waiting' | 'stopped';

/** The part of a WebSocket that is used; a test gives its own. */
export interface Socket {
  onopen: (() => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: ((event: { code: number }) => void) | null;
  close(): void;
}

export interface Surroundings {
  open(url: string): Socket;
  /** A clock that nobody sets, ms. */
  now(): number;
  /** Calls back after `ms`; the answer cancels it. */
  later(ms: number, run: () => void): () => void;
  /** 0 ≤ x < 1. */
  random(): number;
}

export interface Listener<M extends Numbered> {
  /** What a message comes to: something to tell, nothing yet, or an event that only the server can tell in full. */
  unpack?(message: M): M | 'nothing' | 'unreadable';
  message(message: M): void;
  status(status: Status, failures: number): void;
}

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;
/** A socket over which nothing has come after this time is tried anew. */
const FIRST_MESSAGE_MS = 10_000;
/** The server says something at least every ten seconds (`tick`): silence means that it, or the network, is gone. */
const SILENCE_MS = 25_000;
/** The clocks' difference is that of the least delayed message of this span and the one before. */
const CLOCK_SPAN_MS = 60_000;

/** The real browser. */
export const browser: Surroundings = {
  open: (url) => new WebSocket(url) as unknown as Socket,
  now: steadyNow,
  later: (ms, run) => {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
  random: () => Math.random(),
};

function parse<M extends Numbered>(data: unknown): M | null {
  if (typeof data !== 'string') return null;
  try {
    const message: unknown = JSON.parse(data);
    return typeof message === 'object' && message !== null && 'type' in message ? (message as M) : null;
  } catch {
    return null;
  }
}

/**
 * One meeting's socket that heals itself. Events arrive in order and once: an old one is dropped, and a gap
 * makes it connect again after the last one it has. If even then the next one is missing, it asks for a
 * whole snapshot.
 */
export class Connection<M extends Numbered> {
  private socket: Socket | null = null;
  private cancelRetry: (() => void) | null = null;
  private cancelWatch: (() => void) | null = null;
  /** When the socket that is open now was last heard; `null`: not yet. */
  private heardAt: number | null = null;
  private failures = 0;
  private last: number | null = null;
  /** The socket that is open now has not sent an event yet. */
  private fresh = true;
  private readonly clock = { since: 0, best: null as number | null, before: null as number | null };
  private stopped = false;

  constructor(
    private readonly url: (after: number | null) => string,
    private readonly listener: Listener<M>,
    private readonly around: Surroundings = browser,
  ) {}

  /** Number of the last event, `null` before the first snapshot. */
  get seq(): number | null {
    return this.last;
  }

  /** The server's clock, ms: the least delayed message of late sets the difference to ours. */
  serverNow(): number {
    return this.around.now() + (this.offset() ?? 0);
  }

  /** Opens the socket, or at once anew when it waits (the phone is back from its lock screen, say). */
  connect(): void {
    if (this.stopped || this.socket !== null) return;
    this.cancelRetry?.();
    this.cancelRetry = null;
    this.fresh = true;
    const socket = this.around.open(this.url(this.last));
    this.socket = socket;
    this.heardAt = null;
    this.cancelWatch = this.around.later(FIRST_MESSAGE_MS, () => this.lost());
    if (this.failures === 0) this.listener.status('connecting', 0);
    socket.onmessage = ({ data }) => {
      if (this.socket === socket) this.receive(data);
    };
    socket.onclose = () => {
      if (this.socket === socket) this.lost();
    };
  }

  /** Replaces a socket that may be dead without knowing it (the phone slept, the network changed). */
  refresh(): void {
    this.drop();
    this.connect();
  }

  /**
   * The browser says that there is no network: the page shows it at once. The socket may be good all the same (to this very
   * machine, say), and then its next message shows that.
   */
  offline(): void {
    if (!this.stopped && this.socket !== null) this.listener.status('waiting', this.failures);
  }

  /** Ends it for good. */
  stop(): void {
    this.stopped = true;
    this.cancelRetry?.();
    this.drop();
    this.listener.status('stopped', this.failures);
  }

  private drop(): void {
    const { socket } = this;
    this.socket = null;
    this.cancelWatch?.();
    this.cancelWatch = null;
    if (socket === null) return;
    socket.onmessage = null;
    socket.onclose = null;
    socket.close();
  }

  private lost(least = 0): void {
    this.drop();
    this.failures += 1;
    this.listener.status('waiting', this.failures);
    const most = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(this.failures - 1, 10));
    // Between half and all of it, so that a hall full of phones does not come back in one moment.
    const wait = least + most * (0.5 + this.around.random() / 2);
    this.cancelRetry = this.around.later(wait, () => this.connect());
  }

  private heard(): void {
    const first = this.heardAt === null;
    this.heardAt = this.around.now();
    if (!first) return;
    this.cancelWatch?.();
    this.watchSilence();
  }

  /** One timer, however many messages come. */
  private watchSilence(): void {
    const left = (this.heardAt ?? 0) + SILENCE_MS - this.around.now();
    if (left <= 0) this.refresh();
    else this.cancelWatch = this.around.later(left, () => this.watchSilence());
  }

  private receive(data: unknown): void {
    this.heard();
    const packed = parse<M>(data);
    if (packed === null) return;
    this.learnClock(packed.at);
    const message = this.listener.unpack?.(packed) ?? packed;
    if (message === 'nothing') return;
    if (message === 'unreadable') {
      // Whoever comes back gets it whole.
      if (this.last !== null && (packed.seq ?? 0) > this.last) this.refresh();
      return;
    }
    if (message.type === 'bye') {
      this.sentAway(message);
      return;
    }
    if (typeof message.seq === 'number' && !this.inOrder(message.seq, message.type)) return;
    this.fresh = false;
    this.failures = 0;
    this.listener.message(message);
    this.listener.status('live', 0);
  }

  private learnClock(at: unknown): void {
    if (typeof at !== 'number') return;
    const { clock } = this;
    const now = this.around.now();
    if (now - clock.since >= CLOCK_SPAN_MS) {
      clock.since = now;
      clock.before = clock.best;
      clock.best = null;
    }
    clock.best = Math.max(at - now, clock.best ?? at - now);
  }

  private offset(): number | null {
    const { best, before } = this.clock;
    return best === null ? before : Math.max(best, before ?? best);
  }

  /** True when the event is the next one; it is then counted. */
  private inOrder(seq: number, type: string): boolean {
    // A server that was restored from a backup may know less than we do, and says so first. Later in a socket an
    // old snapshot is one that came twice.
    const newer = this.last === null || seq > this.last;
    if ((type === 'snapshot' && (this.fresh || newer)) || (this.last !== null && seq === this.last + 1)) {
      this.last = seq;
      return true;
    }
    if (this.last !== null && seq <= this.last) return false;
    // A gap right at the start cannot be filled by asking the same again.
    if (this.fresh) this.last = null;
    this.lost();
    return false;
  }

  /** The server goes down and says within which time everybody may come back. */
  private sentAway(message: M): void {
    const data = (message as { data?: { within_ms?: unknown } }).data;
    const within = typeof data?.within_ms === 'number' ? data.within_ms : 0;
    this.lost(within * this.around.random());
  }
}

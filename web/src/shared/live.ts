import { onScopeDispose, type Ref, ref, type ShallowRef, shallowRef } from 'vue';
import { Connection, type Status } from './connection';
import { Seals } from './sealed';
import { apply, type Message, type State } from './state';

export type Role = 'screen' | 'attendee' | 'control';

export interface Live {
  /** The meeting as of the last message; `null` until the snapshot came. Always a new object, never changed. */
  state: Readonly<ShallowRef<State | null>>;
  status: Readonly<Ref<Status>>;
  /** Tries without an answer in a row: from 2 on it may be the session, ask the API. */
  failures: Readonly<Ref<number>>;
  /** The server's clock, ms: for whatever all screens do at the same moment. */
  serverNow(): number;
  /** Every message once and in order, after `state` has it. The answer ends it. */
  onMessage(run: (message: Message) => void): () => void;
  /** Connects now instead of later: after a log-in, or on the button "try again". */
  reconnect(): void;
  stop(): void;
}

/** Hidden for longer than this, a socket is not trusted any more. */
const DOUBTFUL_AFTER_MS = 20_000;

function address(meeting: string, role: Role, after: number | null): string {
  const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:';
  const resume = after === null ? '' : `&after=${after}`;
  return `${scheme}//${location.host}/ws/${encodeURIComponent(meeting)}?role=${role}&sealed=true${resume}`;
}

/** Wakes the connection when the page is seen again or the network is back. The answer ends it. */
function watchPage(connection: Connection<Message>): () => void {
  let hiddenAt: number | null = null;
  const seen = (): void => {
    if (document.visibilityState === 'hidden') {
      hiddenAt = Date.now();
      return;
    }
    const doubtful = hiddenAt !== null && Date.now() - hiddenAt > DOUBTFUL_AFTER_MS;
    hiddenAt = null;
    if (doubtful) connection.refresh();
    else connection.connect();
  };
  const online = (): void => connection.refresh();
  const offline = (): void => connection.offline();
  document.addEventListener('visibilitychange', seen);
  globalThis.addEventListener('online', online);
  globalThis.addEventListener('offline', offline);
  return () => {
    document.removeEventListener('visibilitychange', seen);
    globalThis.removeEventListener('online', online);
    globalThis.removeEventListener('offline', offline);
  };
}

/**
 * The live state of a meeting for as long as the component (or effect scope) lives. One socket per call: call
 * it once per page and hand the result down.
 */
export function useLive(meeting: string, role: Role): Live {
  const state = shallowRef<State | null>(null);
  const status = ref<Status>('connecting');
  const failures = ref(0);
  const listeners = new Set<(message: Message) => void>();
  const seals = new Seals();
  const connection = new Connection<Message>((after) => address(meeting, role, after), {
    unpack: (message) => seals.unpack(message),
    message: (message) => {
      state.value = apply(state.value, message);
      if (message.type === 'snapshot') void seals.prepare();
      for (const run of listeners) run(message);
    },
    status: (now, count) => {
      status.value = now;
      failures.value = count;
    },
  });
  const unwatch = watchPage(connection);
  const stop = (): void => {
    unwatch();
    connection.stop();
  };
  onScopeDispose(stop);
  connection.connect();
  return {
    state,
    status,
    failures,
    serverNow: () => connection.serverNow(),
    onMessage: (run) => {
      listeners.add(run);
      return () => listeners.delete(run);
    },
    reconnect: () => connection.refresh(),
    stop,
  };
}

import { onScopeDispose, type ShallowRef, shallowRef } from 'vue';
import { api } from '../shared/api';
import type { Live } from '../shared/live';
import { ofMeeting } from '../shared/page';
import type { Message } from '../shared/state';
import type { Wire } from '../wire';

/** The own page mostly comes right after the event; a hall does not ask for it in one moment. */
const WAIT_MS = 2_000;
const SPREAD_MS = 2_000;
/** A question that was not answered is asked again, so many times. */
const TRIES = 5;

/** Whether a message tells something of the person with this number. */
export function concerns(message: Message, no: number | null): boolean {
  if (no === null) return false;
  if (message.type === 'draw') return message.data.draw.winners.some((seat) => seat.no === no);
  return message.type === 'seats' && message.data.seats.some((seat) => seat.no === no);
}

/**
 * My own page when it did not come by itself: events are in SQL and never lost, what is sent to one person is sent once, and
 * may be lost between two servers. `null` while what was sent last is the newest.
 */
export function useMine(meeting: string, live: Live, no: () => number | null): ShallowRef<Wire['Me'] | null> {
  const fetched = shallowRef<Wire['Me'] | null>(null);
  let timer: ReturnType<typeof setTimeout> | null = null;
  /** Rises with every page that is sent: an answer to an older question is not taken. */
  let sent = 0;

  const rest = (): void => {
    if (timer !== null) clearTimeout(timer);
    timer = null;
  };
  const ask = async (tries: number): Promise<void> => {
    timer = null;
    const asked = sent;
    const me = await api.get<Wire['Me']>(ofMeeting(meeting, '/me')).catch(() => null);
    if (asked !== sent) return;
    if (me !== null) fetched.value = me;
    else if (tries > 1 && timer === null) soon(tries - 1);
  };
  const soon = (tries: number): void => {
    timer = setTimeout(() => void ask(tries), WAIT_MS + Math.random() * SPREAD_MS);
  };
  const stop = live.onMessage((message) => {
    if (message.type === 'me') {
      sent += 1;
      rest();
      fetched.value = null;
    } else if (timer === null && concerns(message, no())) soon(TRIES);
  });
  onScopeDispose(() => {
    sent += 1;
    rest();
    stop();
  });
  return fetched;
}

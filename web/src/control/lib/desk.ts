import { type ComputedRef, computed, type InjectionKey, inject, onScopeDispose } from 'vue';
import type { Live } from '../../shared/live';
import type { Message, State } from '../../shared/state';
import { useSoon } from './load';

/** What all panels of one meeting share. */
export interface Desk {
  /** Id of the meeting. */
  id: string;
  live: Live;
  state: ComputedRef<State>;
  /** Path of the API below this meeting: `path('/rounds')`. */
  path(tail: string): string;
}

export const DESK: InjectionKey<Desk> = Symbol('desk');

export function useDesk(): Desk {
  const desk = inject(DESK);
  if (desk === undefined) throw new Error('no meeting is open');
  return desk;
}

export function makeDesk(id: string, live: Live): Desk {
  const state = computed(() => {
    const now = live.state.value;
    if (now === null) throw new Error('a panel before the snapshot');
    return now;
  });
  return { id, live, state, path: (tail) => `/api/meetings/${encodeURIComponent(id)}${tail}` };
}

/** Events carry public data only: fetches the private rest again, a moment after one of these came. */
export function useRefresh(desk: Desk, types: readonly Message['type'][], load: () => void, ms = 400): void {
  const soon = useSoon(load, ms);
  onScopeDispose(
    desk.live.onMessage((message) => {
      if (message.type === 'snapshot' || types.includes(message.type)) soon();
    }),
  );
}

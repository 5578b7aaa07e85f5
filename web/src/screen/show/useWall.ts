import { onScopeDispose, type ShallowRef, shallowRef, watch } from 'vue';
import { api } from '../../shared/api';
import { ofMeeting } from '../../shared/page';
import type { State } from '../../shared/state';
import type { Wire } from '../../wire';
import type { Person } from './engine';

/** After people came in, the names are fetched anew this much later. */
const LATER_MS = 8_000;
/** After the names could not be had. */
const AGAIN_MS = 15_000;

/** The names in the pool, kept fresh; those that just came in until the server has answered. */
export function useWall(meeting: string, state: () => State | null): ShallowRef<readonly Person[]> {
  const people = shallowRef<readonly Person[]>([]);
  let timer: ReturnType<typeof setTimeout> | null = null;
  let stopped = false;

  async function load(): Promise<void> {
    timer = null;
    try {
      const wall = await api.get<Wire['Wall']>(ofMeeting(meeting, '/wall'));
      people.value = wall.people;
    } catch {
      if (people.value.length === 0) people.value = state()?.recent ?? [];
      later(AGAIN_MS);
    }
  }

  function later(ms: number): void {
    if (timer === null && !stopped) timer = setTimeout(load, ms);
  }

  watch(
    () => state()?.counts.bound,
    (bound, before) => {
      if (bound !== undefined && before !== undefined) later(LATER_MS);
    },
  );
  // The names of a draw are those that were committed: whoever came in just before is among them.
  watch(
    () => state()?.draws.length,
    (count, before) => {
      if (before !== undefined && count !== before) later(0);
    },
  );
  void load();
  onScopeDispose(() => {
    stopped = true;
    if (timer !== null) clearTimeout(timer);
  });
  return people;
}

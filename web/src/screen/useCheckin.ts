import { inject, onScopeDispose, type ShallowRef, shallowRef, watch } from 'vue';
import { api } from '../shared/api';
import { ofMeeting } from '../shared/page';
import type { Wire } from '../wire';
import { CLOCK } from './parts/clock';

/** After the code could not be had, ms. */
const AGAIN_MS = 2_000;
/** So long after its successor came a code is still taken, ms: an older one is not shown. */
const GRACE_MS = 15_000;

/**
 * The address that a phone reads in the hall: with the code of this moment, which the server changes every few seconds.
 * Empty while there is none.
 */
export function useCheckin(meeting: string, home: () => string, wanted: () => boolean): ShallowRef<string> {
  const now = inject(CLOCK);
  const address = shallowRef('');
  let timer: ReturnType<typeof setTimeout> | null = null;
  let ends = 0;
  let stopped = false;

  function later(ms: number): void {
    if (timer !== null) clearTimeout(timer);
    timer = stopped ? null : setTimeout(load, ms);
  }

  async function load(): Promise<void> {
    if (!wanted()) return;
    try {
      const code = await api.get<Wire['CheckinCode']>(ofMeeting(meeting, '/checkin'));
      if (stopped || !wanted()) return;
      ends = code.next_at + GRACE_MS;
      address.value = `${home()}/m/${encodeURIComponent(meeting)}#checkin=${code.token}`;
      later(Math.max(250, code.next_at - (now?.value ?? Date.now())));
    } catch {
      // A code that nobody takes any more leads people astray.
      if ((now?.value ?? Date.now()) > ends) address.value = '';
      later(AGAIN_MS);
    }
  }

  watch(
    wanted,
    (on) => {
      if (on) later(0);
      else {
        if (timer !== null) clearTimeout(timer);
        address.value = '';
      }
    },
    { immediate: true },
  );
  onScopeDispose(() => {
    stopped = true;
    if (timer !== null) clearTimeout(timer);
  });
  return address;
}

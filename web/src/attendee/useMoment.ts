import { computed, onScopeDispose, ref, watch } from 'vue';
import type { Live } from '../shared/live';
import { asSeen, untilNext } from '../shared/moment';

/** The draws of a meeting as the hall sees them: a phone tells no result before the screen does. */
export function useMoment(live: Live) {
  const now = ref(live.serverNow());
  let timer: ReturnType<typeof setTimeout> | undefined;
  const look = (): void => {
    clearTimeout(timer);
    now.value = live.serverNow();
    const wait = untilNext(live.state.value?.draws ?? [], now.value);
    if (wait !== null) timer = setTimeout(look, wait);
  };
  watch(live.state, look, { immediate: true, flush: 'sync' });
  onScopeDispose(() => clearTimeout(timer));
  return computed(() => (live.state.value?.draws ?? []).map((draw) => asSeen(draw, now.value)));
}

import { computed, onScopeDispose, ref, shallowRef } from 'vue';
import type { Live } from '../shared/live';
import { recall, remember } from '../shared/storage';
import { choose, type Follow, nextFollow, readFollow, type View } from './scene';

const TICK_MS = 100;

/** What to show, from the live state and the server's clock; the same after a reload. */
export function useScene(meeting: string, live: Live) {
  const key = `kaijiang.screen.${meeting}.follow`;
  const follow = shallowRef<Follow | null>(readFollow(recall(key)));
  const now = ref(live.serverNow());
  const timer = setInterval(() => {
    now.value = live.serverNow();
  }, TICK_MS);
  onScopeDispose(() => clearInterval(timer));
  const unhear = live.onMessage((message) => {
    const next = nextFollow(follow.value, message, live.state.value);
    now.value = live.serverNow();
    if (next === follow.value) return;
    follow.value = next;
    remember(key, next === null ? null : JSON.stringify(next));
  });
  onScopeDispose(unhear);
  const view = computed<View | null>(() =>
    live.state.value === null ? null : choose(live.state.value, follow.value, now.value),
  );
  return { view, now };
}

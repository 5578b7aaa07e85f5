import { onScopeDispose, type Ref, ref } from 'vue';

/** A clock that ticks four times a second while the component lives, ms. */
export function useNow(clock: () => number): Readonly<Ref<number>> {
  const now = ref(clock());
  const timer = setInterval(() => {
    now.value = clock();
  }, 250);
  onScopeDispose(() => clearInterval(timer));
  return now;
}

/** Runs every so many ms while the component lives. */
export function useEvery(ms: number, run: () => void): void {
  const timer = setInterval(run, ms);
  onScopeDispose(() => clearInterval(timer));
}

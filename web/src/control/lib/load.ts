import { onScopeDispose, type Ref, ref, type ShallowRef, shallowRef } from 'vue';
import type { ApiError } from '../../shared/api';
import { asApiError } from './errors';

export interface Loaded<T> {
  /** The last good answer; kept when a later one fails. */
  data: ShallowRef<T | null>;
  /** Why the last try failed, `null` when it did not. */
  error: Readonly<ShallowRef<ApiError | null>>;
  loading: Readonly<Ref<boolean>>;
  load(): Promise<void>;
}

/** Something that is fetched, and fetched again when it may have changed. Only the newest answer counts. */
export function useLoad<T>(fetcher: (signal: AbortSignal) => Promise<T>): Loaded<T> {
  const data = shallowRef<T | null>(null);
  const error = shallowRef<ApiError | null>(null);
  const loading = ref(false);
  let running: AbortController | null = null;

  async function load(): Promise<void> {
    running?.abort();
    const mine = new AbortController();
    running = mine;
    loading.value = true;
    try {
      const answer = await fetcher(mine.signal);
      if (running !== mine) return;
      data.value = answer;
      error.value = null;
    } catch (cause) {
      if (running !== mine) return;
      error.value = asApiError(cause);
    } finally {
      if (running === mine) {
        running = null;
        loading.value = false;
      }
    }
  }

  onScopeDispose(() => {
    const last = running;
    running = null;
    last?.abort();
  });
  return { data, error, loading, load };
}

/** Runs once, `ms` after the first of several calls: many events make one request. */
export function useSoon(run: () => void, ms: number): () => void {
  let timer: ReturnType<typeof setTimeout> | null = null;
  onScopeDispose(() => {
    if (timer !== null) clearTimeout(timer);
  });
  return () => {
    if (timer !== null) return;
    timer = setTimeout(() => {
      timer = null;
      run();
    }, ms);
  };
}

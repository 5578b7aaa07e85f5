import { type Ref, ref } from 'vue';
import { type ApiError, idempotencyKey } from '../../shared/api';
import { asApiError, say } from './errors';

export interface Commands {
  /** The intention that is being carried out, `null` when idle: buttons are disabled meanwhile. */
  busy: Readonly<Ref<string | null>>;
  /**
   * Carries out one intention of the person, at most one at a time: a second press does nothing. Its
   * Idempotency-Key stays the same until the server has answered, so that a retry after a lost answer
   * is the same command. `undefined` when it failed (and was said) or something else is running.
   */
  run<T>(intent: string, command: (key: string) => Promise<T>, failed?: Failed): Promise<T | undefined>;
}

/** What to do with an error instead of only saying it; `true` = dealt with, do not say it. */
export type Failed = (error: ApiError) => boolean | undefined;

/** True when the server has decided: after it, the next press is a new command. */
function answered(error: ApiError): boolean {
  return error.status !== 0 && error.status < 500 && error.status !== 429;
}

export function useCommands(): Commands {
  const busy = ref<string | null>(null);
  const keys = new Map<string, string>();

  async function run<T>(
    intent: string,
    command: (key: string) => Promise<T>,
    failed?: Failed,
  ): Promise<T | undefined> {
    if (busy.value !== null) return undefined;
    busy.value = intent;
    const key = keys.get(intent) ?? idempotencyKey();
    keys.set(intent, key);
    try {
      const answer = await command(key);
      keys.delete(intent);
      return answer;
    } catch (cause) {
      const error = asApiError(cause);
      if (answered(error)) keys.delete(intent);
      if (failed?.(error) !== true) say(error);
      return undefined;
    } finally {
      busy.value = null;
    }
  }

  return { busy, run };
}

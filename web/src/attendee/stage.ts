import type { ApiError } from '../shared/api';
import type { Wire } from '../wire';

/** What the page shows. */
export type Stage = 'loading' | 'login' | 'refused' | 'failed' | 'follow' | 'bind' | 'waiting' | 'in';

/** What is known of the session. */
export interface Session {
  me: Wire['Me'] | null;
  /** Why the last question was not answered. */
  error: ApiError | null;
}

export function stageOf({ me, error }: Session): Stage {
  if (error?.status === 401) return 'login';
  if (me !== null) return me.step;
  if (error === null) return 'loading';
  return error.status === 403 ? 'refused' : 'failed';
}

/**
 * Whether to go to the log-in at once. After one round trip that brought no session the person has to press the
 * button, or phone and server would send each other in circles.
 */
export function goesByItself(stage: Stage, tried: boolean): boolean {
  return stage === 'login' && !tried;
}

/** A phone number as the server takes it, `null` when it cannot be one. */
export function phoneOf(typed: string): string | null {
  const phone = typed.replace(/[\s\-()（）]/g, '').replace(/^＋/, '+');
  return /^1\d{10}$/.test(phone) || /^\+\d{7,15}$/.test(phone) ? phone : null;
}

/** A number as others may see it over one's shoulder: its end is enough to know it again. */
export function masked(phone: string): string {
  return `${phone.slice(0, 3)}****${phone.slice(-4)}`;
}

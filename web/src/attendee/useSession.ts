import { computed, onScopeDispose, ref, shallowRef, watch } from 'vue';
import { ApiError, api } from '../shared/api';
import { ofMeeting } from '../shared/page';
import type { Wire } from '../wire';
import type { Memory } from './keep';
import { goesByItself, type Session, stageOf } from './stage';

/** How often somebody who has to follow first, or waits for staff, is looked at again, ms. */
const POLL_MS = 5_000;

/** Marks a log-in that is under way, for this tab only: a session that does not come back must not loop. */
class Attempt {
  constructor(private readonly key: string) {}

  get made(): boolean {
    try {
      return sessionStorage.getItem(this.key) !== null;
    } catch {
      // Without a memory a loop could not be noticed: let the person press the button.
      return true;
    }
  }

  set made(made: boolean) {
    try {
      if (made) sessionStorage.setItem(this.key, '1');
      else sessionStorage.removeItem(this.key);
    } catch {
      // Nothing to keep it in.
    }
  }
}

/** Who I am in this meeting and what to do next. After a log-in that was refused the next one is the person's to begin. */
export function useSession(meeting: string, memory: Memory, refused: boolean) {
  const session = shallowRef<Session>({ me: null, error: null });
  const info = shallowRef<Wire['MeetingView'] | null>(null);
  const stage = computed(() => stageOf(session.value));
  const attempt = new Attempt(`kaijiang.login.${meeting}`);
  const tried = ref(refused || attempt.made);

  async function refresh(): Promise<void> {
    if (info.value === null) void learn();
    try {
      const me = await api.get<Wire['Me']>(ofMeeting(meeting, '/me'));
      attempt.made = false;
      session.value = { me, error: null };
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      session.value = { me: session.value.me, error };
      tried.value = refused || attempt.made;
    }
  }

  function login(): void {
    attempt.made = true;
    location.assign(`/m/${encodeURIComponent(meeting)}/login`);
  }

  watch([stage, tried], () => {
    if (goesByItself(stage.value, tried.value)) login();
  });

  const timer = setInterval(() => {
    if ((stage.value === 'follow' || stage.value === 'waiting') && document.visibilityState === 'visible')
      void refresh();
  }, POLL_MS);
  const seen = (): void => {
    if (document.visibilityState === 'visible' && stage.value !== 'in' && stage.value !== 'login')
      void refresh();
  };
  document.addEventListener('visibilitychange', seen);
  onScopeDispose(() => {
    clearInterval(timer);
    document.removeEventListener('visibilitychange', seen);
  });

  /** What the meeting is called, and how people bind. Asked again with the session while it is not known. */
  async function learn(): Promise<void> {
    try {
      const view = await api.get<Wire['MeetingView']>(ofMeeting(meeting, '/public'));
      info.value = view;
      memory.pin(view);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
    }
  }

  void refresh();

  function bound({ name, place, log, waiting }: Wire['Bound']): void {
    memory.place(place);
    memory.see(log);
    session.value = {
      me: { step: waiting ? 'waiting' : 'in', name, phone: '', place, wins: [], tapped: null },
      error: null,
    };
  }

  /** Another page or the server knows better: everything anew. */
  async function renew(): Promise<void> {
    await Promise.all([learn(), refresh()]);
  }

  function checkedIn(me: Wire['Me']): void {
    session.value = { me, error: null };
  }

  return { session, stage, info, tried, refresh, renew, login, bound, checkedIn };
}

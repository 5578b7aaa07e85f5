import { onScopeDispose, type ShallowRef, shallowRef, watch } from 'vue';
import { api } from '../shared/api';
import { ofMeeting } from '../shared/page';
import type { Wire } from '../wire';

/** After somebody came in it is asked again, this much later: many come at once. */
const LATER_MS = 2_000;
/** After no answer. */
const AGAIN_MS = 5_000;

/** How many could win a round if it were drawn now; `null` until the server has said it. */
export function useEligible(
  meeting: string,
  round: () => string,
  people: () => number,
): ShallowRef<number | null> {
  const eligible = shallowRef<number | null>(null);
  let timer: ReturnType<typeof setTimeout> | null = null;
  let stopped = false;

  async function load(): Promise<void> {
    timer = null;
    const of = round();
    try {
      const answer = await api.get<Wire['EligibleNow']>(
        ofMeeting(meeting, `/rounds/${encodeURIComponent(of)}/eligible`),
      );
      if (of === round()) eligible.value = answer.eligible;
    } catch {
      later(AGAIN_MS);
    }
  }

  function later(ms: number): void {
    if (timer === null && !stopped) timer = setTimeout(load, ms);
  }

  watch(round, () => {
    eligible.value = null;
    void load();
  });
  watch(people, () => later(LATER_MS));
  void load();
  onScopeDispose(() => {
    stopped = true;
    if (timer !== null) clearTimeout(timer);
  });
  return eligible;
}

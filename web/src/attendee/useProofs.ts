import { onScopeDispose, shallowReactive } from 'vue';
import { ApiError, api } from '../shared/api';
import { ofMeeting } from '../shared/page';
import type { DrawView } from '../shared/state';
import type { Outcome, Verifier } from '../shared/verifier';
import type { Wire } from '../wire';
import type { Memory } from './keep';
import { checkProof, type MyProof } from './standing';

/** A hall full of phones asks within this time, not in one moment; ms. */
const SPREAD_MS = 5_000;
const RETRY_MS = 8_000;

/** What is known of a draw's proof on this phone. */
export type Verdict =
  | { name: 'running' | 'failed' }
  /** `seen` = checkpoints of this phone that it was compared with. */
  | { name: 'good' | 'bad'; outcome: Outcome; seen: number };

/** My own path and the whole proof of draws: fetched, checked here, remembered. */
export function useProofs(meeting: string, memory: Memory) {
  /** Mine by draw: `null` = could not be fetched (yet). */
  const mine = shallowReactive(new Map<number, MyProof | null>());
  /** Mine as it was after the taps were closed: with my own among them. */
  const afterTaps = shallowReactive(new Map<number, MyProof | null>());
  const verdicts = shallowReactive(new Map<number, Verdict>());
  const asked = new Set<number>();
  const askedAgain = new Set<number>();
  const wanted = new Set<number>();
  const timers = new Set<ReturnType<typeof setTimeout>>();
  let verifier: Promise<Verifier> | null = null;
  let stopped = false;

  for (const [draw, proof] of Object.entries(memory.now.proofs)) mine.set(Number(draw), proof);

  function later(ms: number, run: () => void): void {
    const timer = setTimeout(() => {
      timers.delete(timer);
      run();
    }, ms);
    timers.add(timer);
  }

  /** The verifier comes in a file of its own, so that the page is there before it. */
  function start(): Promise<Verifier> {
    verifier ??= import('../shared/verifier').then((module) => module.startVerifier());
    return verifier;
  }

  async function fetchMine(draw: DrawView, place: Wire['MyPlace']): Promise<void> {
    const closed = draw.values.length > 0;
    try {
      const proof = await api.get<MyProof>(ofMeeting(meeting, `/me/proof/${draw.draw}`));
      mine.set(draw.draw, proof);
      if (closed) afterTaps.set(draw.draw, proof);
      // A path that leads elsewhere is shown, but it is no part of what proves my place.
      if (checkProof(draw, place, proof) !== null) memory.proof(proof);
    } catch (error) {
      mine.set(draw.draw, null);
      const final = error instanceof ApiError && error.status === 404;
      if (!final && !stopped) later(RETRY_MS, () => void fetchMine(draw, place));
    }
  }

  /** My path in a draw, once and at a random moment of the next seconds. */
  function wantMine(draw: DrawView, place: Wire['MyPlace']): void {
    if (asked.has(draw.draw) || mine.has(draw.draw) || place.index >= draw.pool.n) return;
    asked.add(draw.draw);
    later(Math.random() * SPREAD_MS, () => void fetchMine(draw, place));
  }

  /** Once more after the taps were closed, when this phone gave one that the server took. */
  function wantTap(draw: DrawView, place: Wire['MyPlace']): void {
    if (draw.values.length === 0 || askedAgain.has(draw.draw) || !memory.now.taken.includes(draw.draw))
      return;
    askedAgain.add(draw.draw);
    later(Math.random() * SPREAD_MS, () => void fetchMine(draw, place));
  }

  /** Paths of mine that belong to draws up to this one: a later draw may not be in its bundle yet. */
  function local(draw: number, place: Wire['MyPlace']) {
    const proofs = Object.fromEntries(Object.entries(memory.now.proofs).filter(([n]) => Number(n) <= draw));
    const { index, pid, salt, identity, receipt } = place;
    return { index, pid, salt, identity, receipt, proofs };
  }

  async function verify(draw: number, place: Wire['MyPlace']): Promise<void> {
    if (verdicts.get(draw)?.name === 'running') return;
    verdicts.set(draw, { name: 'running' });
    try {
      // What was seen before the bundle is asked for: the bundle has to reach at least that far.
      const { pin, seen } = memory.now;
      const bundle = await api.get<unknown>(ofMeeting(meeting, `/draws/${draw}/proof?light=true`));
      const checker = await start();
      const outcome = await checker.verify(bundle, { pin: pin ?? undefined, seen, me: local(draw, place) });
      verdicts.set(draw, { name: outcome.report.ok ? 'good' : 'bad', outcome, seen: seen.length });
    } catch {
      // No answer, or the verifier could not be loaded: nothing is proved and nothing disproved.
      verdicts.set(draw, { name: 'failed' });
    }
  }

  /** Verifies a draw by itself, once and at a random moment of the next seconds. */
  function wantVerdict(draw: number, place: Wire['MyPlace']): void {
    if (wanted.has(draw)) return;
    wanted.add(draw);
    later(Math.random() * SPREAD_MS, () => void verify(draw, place));
  }

  onScopeDispose(() => {
    stopped = true;
    for (const timer of timers) clearTimeout(timer);
    verifier?.then((one) => one.stop());
  });

  return { mine, afterTaps, verdicts, wantMine, wantTap, wantVerdict, verify };
}

import { onScopeDispose, ref, shallowReactive } from 'vue';
import { ApiError, api, fetchOk } from '../shared/api';
import { ofMeeting } from '../shared/page';
import type { DrawView } from '../shared/state';
import type { ErrorCode, Outcome, Verifier } from '../shared/verifier';
import type { Wire } from '../wire';
import type { Memory } from './keep';
import { checkProof, type MyProof } from './standing';

/** A hall full of phones asks within this time, not in one moment; ms. */
const SPREAD_MS = 5_000;
const RETRY_MS = 8_000;
/** So often the server may say that it has no path for me before that counts as keeping it back. */
const REFUSALS = 2;
/** A whole pool is fetched up to this size, people: 40 bytes each. */
const POOL_MAX = 200_000;

/** What is known of a draw's proof on this phone. */
export type Verdict =
  | { name: 'running' | 'failed' }
  | {
      name: 'good' | 'bad';
      outcome: Outcome;
      /** Checkpoints of this phone that it was to be compared with. */
      kept: number;
      /** Where the draw stood when the proof was asked for. */
      asOf: DrawView['state'];
    };

type Bundled = Wire['Bundle'];

/** My own path and the whole proof of draws: fetched, checked here, remembered. */
export function useProofs(meeting: string, memory: Memory) {
  /** Mine by draw: `null` = could not be fetched (yet). */
  const mine = shallowReactive(new Map<number, MyProof | null>());
  /** Mine as it was after the taps were closed: with my own among them. */
  const afterTaps = shallowReactive(new Map<number, MyProof | null>());
  const verdicts = shallowReactive(new Map<number, Verdict>());
  /** Draws whose path the server keeps back, though I have a receipt. */
  const refused = shallowReactive(new Set<number>());
  /** Code of the whole log's check, once there was a reason for one; empty when it holds. */
  const logFault = ref<ErrorCode | ''>('');
  const asked = new Set<number>();
  const askedAgain = new Set<number>();
  const wanted = new Set<string>();
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

  async function fetchMine(draw: DrawView, place: Wire['MyPlace'], refusals = 0): Promise<void> {
    const closed = draw.values.length > 0;
    try {
      const proof = await api.get<MyProof>(ofMeeting(meeting, `/me/proof/${draw.draw}`));
      mine.set(draw.draw, proof);
      if (closed) afterTaps.set(draw.draw, proof);
      // A path that leads elsewhere is shown, but it is no part of what proves my place.
      if (checkProof(draw, place, proof) !== null) memory.proof(proof);
    } catch (error) {
      mine.set(draw.draw, null);
      const more = error instanceof ApiError && error.status === 404 ? refusals + 1 : refusals;
      if (more > REFUSALS) refused.add(draw.draw);
      else if (!stopped) later(RETRY_MS, () => void fetchMine(draw, place, more));
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

  /** The pool of a draw as a file, where it is needed, not in the bundle and not too large. */
  async function poolFile(draw: DrawView, bundle: Bundled): Promise<ReadonlyMap<number, Uint8Array>> {
    const inside = bundle.draws.some((one) => one.draw === draw.draw && one.pool !== undefined);
    if (inside || draw.pool.n > POOL_MAX) return new Map();
    const answer = await fetchOk(ofMeeting(meeting, `/draws/${draw.draw}/pool`));
    return new Map([[draw.draw, new Uint8Array(await answer.arrayBuffer())]]);
  }

  async function verify(draw: DrawView, place: Wire['MyPlace']): Promise<void> {
    if (verdicts.get(draw.draw)?.name === 'running') return;
    verdicts.set(draw.draw, { name: 'running' });
    try {
      // What was seen before the bundle is asked for: the bundle has to reach at least that far.
      const { pin, seen } = memory.now;
      // Without a path of my own only the whole pool can show whether I am in it.
      const whole = refused.has(draw.draw) && draw.state === 'revealed';
      const tail = whole ? '' : '?light=true';
      const bundle = await api.get<Bundled>(ofMeeting(meeting, `/draws/${draw.draw}/proof${tail}`));
      const pools = whole ? await poolFile(draw, bundle) : new Map<number, Uint8Array>();
      const known = { pin: pin ?? undefined, seen, me: local(draw.draw, place), pools };
      const outcome = await (await start()).verify(bundle, known);
      const name = outcome.report.ok ? 'good' : 'bad';
      verdicts.set(draw.draw, { name, outcome, kept: seen.length, asOf: draw.state });
    } catch {
      // No answer, or the verifier could not be loaded: nothing is proved and nothing disproved.
      verdicts.set(draw.draw, { name: 'failed' });
    }
  }

  /** Verifies a draw by itself, once in each state and at a random moment of the next seconds. */
  function wantVerdict(draw: DrawView, place: Wire['MyPlace']): void {
    const how = `${draw.draw} ${draw.state} ${refused.has(draw.draw)}`;
    if (wanted.has(how)) return;
    wanted.add(how);
    const run = (): void => {
      if (verdicts.get(draw.draw)?.name === 'running') later(RETRY_MS, run);
      else void verify(draw, place);
    };
    later(Math.random() * SPREAD_MS, run);
  }

  /** Checks the log as it is now against all that this phone kept: after a signed head that contradicts another. */
  async function verifyLog(): Promise<void> {
    try {
      const { pin, seen } = memory.now;
      const bundle = await api.get<unknown>(ofMeeting(meeting, '/proof?light=true'));
      const { report, seen: signed } = await (await start()).verify(bundle, { pin: pin ?? undefined, seen });
      if (!report.ok) logFault.value = report.error;
      else if (signed < seen.length) logFault.value = 'E_SIG';
    } catch {
      if (!stopped) later(RETRY_MS, () => void verifyLog());
    }
  }

  onScopeDispose(() => {
    stopped = true;
    for (const timer of timers) clearTimeout(timer);
    verifier?.then((one) => one.stop());
  });

  return {
    mine,
    afterTaps,
    verdicts,
    refused,
    logFault,
    wantMine,
    wantTap,
    wantVerdict,
    verify,
    verifyLog,
  };
}

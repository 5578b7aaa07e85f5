import { onScopeDispose, shallowReactive, watch } from 'vue';
import { fetchOk } from '../../shared/api';
import type { DrawView } from '../../shared/state';
import { startVerifier } from '../../shared/verifier';
import type { Wire } from '../../wire';
import type { Desk } from './desk';

/** Pools up to this size stand in the bundle; larger ones are a file of their own (as the server has it). */
const INLINE = 5_000;

/** What this computer found when it recomputed a draw by itself. */
export type Check =
  | { name: 'running' | 'failed' }
  | { name: 'good'; depth: string }
  /** `code`: of the draw protocol, or `differs` when the page was told other winners than the proof has. */
  | { name: 'bad'; code: string };

/** The verdict on a draw: the proof holds, and it is the proof of what the page shows. */
export function judge(
  draw: Pick<DrawView, 'draw' | 'winners'>,
  outcome: { report: { ok: true; checked: Record<string, string> } | { ok: false; error: string } },
  proved: readonly { r: number; pid: string }[],
): Check {
  const { report } = outcome;
  if (!report.ok) return { name: 'bad', code: report.error };
  const told = draw.winners.map(({ rank, pid }) => `${rank} ${pid}`).sort();
  const found = proved.map(({ r, pid }) => `${r} ${pid}`).sort();
  if (told.join() !== found.join()) return { name: 'bad', code: 'differs' };
  return { name: 'good', depth: report.checked[draw.draw] ?? 'light' };
}

/** Winners of a draw as its line in the log has them. */
export function winnersIn(bundle: Pick<Wire['Bundle'], 'log'>, draw: number): { r: number; pid: string }[] {
  for (const text of bundle.log) {
    const line = JSON.parse(text) as { t: string; draw?: number; winners?: { r: number; pid: string }[] };
    if (line.t === 'draw.result' && line.draw === draw) return line.winners ?? [];
  }
  return [];
}

/** Recomputes every draw with a result, in a worker, as soon as it is made. Nobody has to ask for it. */
export function useChecks(desk: Desk) {
  const checks = shallowReactive(new Map<number, Check>());
  const verifier = startVerifier();
  let queue = Promise.resolve();

  async function check(draw: DrawView): Promise<void> {
    try {
      const bundle: Wire['Bundle'] = await (await fetchOk(desk.path(`/draws/${draw.draw}/proof`))).json();
      const pools = new Map<number, Uint8Array>();
      if (draw.pool.n > INLINE) {
        const file = await fetchOk(desk.path(`/draws/${draw.draw}/pool`));
        pools.set(draw.draw, new Uint8Array(await file.arrayBuffer()));
      }
      const { event, key } = desk.state.value.meeting;
      const outcome = await verifier.verify(bundle, { pin: { event, key }, pools });
      checks.set(draw.draw, judge(draw, outcome, winnersIn(bundle, draw.draw)));
    } catch {
      // No answer: nothing is proved and nothing disproved; the host can ask again.
      checks.set(draw.draw, { name: 'failed' });
    }
  }

  function want(draw: DrawView): void {
    checks.set(draw.draw, { name: 'running' });
    queue = queue.then(() => check(draw));
  }

  watch(
    () => desk.state.value.draws.filter(({ state, draw }) => state === 'revealed' && !checks.has(draw)),
    // The newest first: it is what the hall looks at.
    (fresh) => {
      for (const draw of fresh.reverse()) want(draw);
    },
    { immediate: true },
  );
  onScopeDispose(() => verifier.stop());

  return { checks, again: want };
}

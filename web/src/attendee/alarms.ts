import type { DrawView } from '../shared/state';
import type { DrawStory, ErrorCode } from '../shared/verifier';
import type { Wire } from '../wire';
import { ranksOf, type Standing, type TapVerdict } from './standing';
import type { Verdict } from './useProofs';

/** Something that cannot happen with an honest server. */
export interface Alarm {
  /** Code of draw protocol §10. */
  code: ErrorCode;
  /** Which words explain it: the code, or `denied` for a result that was told otherwise than it is logged. */
  why: ErrorCode | 'denied';
  /** Draws that it is about; none for the whole log. */
  draws: number[];
}

/** The server names another place in the pool than the one that it gave a receipt for. */
export function movedPlace(kept: Wire['MyPlace'], given: Wire['MyPlace']): Alarm[] {
  const same = kept.identity !== given.identity || (kept.index === given.index && kept.pid === given.pid);
  return same ? [] : [{ code: 'E_IDENT', why: 'E_IDENT', draws: [] }];
}

/** The winners as one text, in the order of their ranks. */
function listed(winners: readonly { rank: number; pid: string }[]): string {
  return [...winners]
    .sort((a, b) => a.rank - b.rank)
    .map(({ rank, pid }) => `${rank} ${pid}`)
    .join();
}

/** First thing that the page was told of a draw and that is not in the log. */
function toldOtherwise(told: DrawView, logged: DrawStory, asOf: DrawView['state']): ErrorCode | null {
  if (told.commit_code !== logged.commitCode) return 'E_HEAD';
  if (told.pool.n !== logged.n || told.pool.tickets !== logged.tickets) return 'E_POOL_SUM';
  if (told.k !== logged.k) return 'E_COUNT';
  if (told.state === 'revealed' && listed(told.winners) !== listed(logged.winners)) return 'E_WINNER';
  // What became void after the proof was fetched is not in it.
  if (told.state === 'void' && asOf === 'void' && logged.voided === null) return 'E_VOID';
  return null;
}

/** What a verified proof says against the server: it does not hold, or the page was told something else. */
export function proofAlarms(told: DrawView, verdict: Verdict | undefined, pid: string): Alarm[] {
  if (verdict === undefined || !('outcome' in verdict)) return [];
  const { outcome, asOf, kept } = verdict;
  const alarm = (code: ErrorCode, why: Alarm['why'] = code): Alarm[] => [{ code, why, draws: [told.draw] }];
  if (!outcome.report.ok) return alarm(outcome.report.error);
  // Some of what the server gave as signed heads is not signed, or not of this log.
  if (outcome.seen < kept) return alarm('E_SIG');
  const logged = outcome.draws.find(({ draw }) => draw === told.draw);
  if (logged === undefined) return alarm('E_SHORT');
  const code = toldOtherwise(told, logged, asOf);
  if (code === null) return [];
  const won = logged.winners.filter((winner) => winner.pid === pid).map(({ rank }) => rank);
  const denied = code === 'E_WINNER' && won.join() !== ranksOf(told, { pid }).join();
  return alarm(code, denied ? 'denied' : code);
}

/** What my own place says against the server while the draw runs. */
export function ownAlarms(
  told: DrawView,
  place: Wire['MyPlace'],
  { standing, tap }: { standing: Standing; tap: TapVerdict },
): Alarm[] {
  const codes: ErrorCode[] = [];
  if (standing.name === 'dropped') codes.push('E_DROPPED');
  if (standing.name === 'forged' || standing.name === 'refused') codes.push('E_ME_PROOF');
  if (tap === 'missing') codes.push('E_TAPS');
  if (told.winners.some(({ pid, no }) => pid === place.pid && no !== place.index + 1)) codes.push('E_IDENT');
  return codes.map((code) => ({ code, why: code, draws: [told.draw] }));
}

/** Each reason once, with all draws that it is about. */
export function gathered(alarms: readonly Alarm[]): Alarm[] {
  const all = new Map<string, Alarm>();
  for (const { code, why, draws } of alarms) {
    const known = all.get(`${code} ${why}`)?.draws ?? [];
    all.set(`${code} ${why}`, { code, why, draws: [...new Set([...known, ...draws])] });
  }
  return [...all.values()];
}

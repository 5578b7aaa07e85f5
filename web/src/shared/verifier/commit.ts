import type { Award, CommitLine } from './lines';
import { sourcesFit } from './randomness';
import { type Draw, type LogState, setAside } from './state';

const MAX_WINNERS = 100_000;
const MAX_MEMBERS = 2 ** 24;
const MAX_WEIGHT = 1_000_000;
const MAX_TAKEN = 20_000_000;

function poolFits(state: LogState, { k, pool }: CommitLine): boolean {
  const before = state.draws[state.draws.length - 1]?.commit.pool.n ?? 0;
  // The ranges come first: with them all products below are exact.
  return (
    k >= 1 &&
    k <= MAX_WINNERS &&
    pool.n >= 1 &&
    pool.n <= MAX_MEMBERS &&
    pool.max >= 1 &&
    pool.max <= MAX_WEIGHT &&
    k <= pool.n &&
    k <= pool.tickets &&
    pool.tickets <= pool.n * pool.max &&
    k * pool.max <= MAX_TAKEN &&
    pool.n >= before
  );
}

function awardFits(award: Award, { kind, k }: CommitLine): boolean {
  if ((award.mode === 'inherit') !== (kind === 'redraw')) return false;
  if (award.mode === 'fixed') return award.cents >= 1;
  if (award.mode === 'split') return award.min >= 1 && BigInt(award.cents) >= BigInt(k) * BigInt(award.min);
  return true;
}

/** Parameters of a commit are in range (`E_PARAM`). */
export function commitFits(state: LogState, line: CommitLine): boolean {
  return (
    poolFits(state, line) &&
    sourcesFit(line) &&
    awardFits(line.award, line) &&
    !(line.exclude === 'group' && line.group === '')
  );
}

/** A redraw replaces ranks of a counting main draw whose holders were set aside (`E_REDRAW`). */
export function redrawFits(state: LogState, line: CommitLine): boolean {
  if (line.kind !== 'redraw') return line.parent === 0 && line.ranks.length === 0;
  const parent = state.draw(line.parent);
  if (parent === undefined || parent.commit.kind !== 'main' || !state.counts(parent)) return false;
  const { prize, exclude, group } = parent.commit;
  if (line.prize !== prize || line.exclude !== exclude || line.group !== group) return false;
  if (line.ranks.length !== line.k) return false;
  const members = state.family(parent);
  return line.ranks.every((rank, j) => {
    if (rank <= (line.ranks[j - 1] ?? 0)) return false;
    const holder = state.holder(parent, rank, members);
    return holder !== undefined && setAside(holder, rank);
  });
}

/** Pids that may not win the draw that this line commits (§9). */
export function excludedFor(state: LogState, line: CommitLine): ReadonlySet<string> {
  const out = new Set<string>();
  const add = (draw: Draw): void => {
    for (const { pid } of draw.winners.values()) out.add(pid);
  };
  for (const draw of state.draws) {
    if (!state.counts(draw)) continue;
    const same = line.exclude === 'event' || (line.exclude === 'group' && draw.commit.group === line.group);
    const family = draw.number === line.parent || draw.commit.parent === line.parent;
    if (same || (line.kind === 'redraw' && family)) add(draw);
  }
  return out;
}

import { fromHex } from './bytes';
import type { CommitLine, EntropyLine, Line, OpenLine, PayoutLine, SeatStatus, Winner } from './lines';

/** Last payment attempt of a rank. */
export interface Attempt {
  a: number;
  ref: string;
  status: PayoutLine['status'];
}

/** One draw while the log is walked. */
export interface Draw {
  number: number;
  commit: CommitLine;
  /** Log head after the commit line. */
  head: Uint8Array;
  /** Pids that may not win this draw, fixed when it was committed. */
  excluded: ReadonlySet<string>;
  entropy: EntropyLine[];
  /** Line number of the result, `null` before it. */
  resultAt: number | null;
  seed: Uint8Array;
  secret: string;
  /** By rank, in the order of the choice. */
  winners: Map<number, Winner>;
  status: Map<number, SeatStatus>;
  payments: Map<number, Attempt>;
  voided: string | null;
}

/** All that the walk knows; `draws[d − 1]` is draw d. */
export class LogState {
  readonly draws: Draw[] = [];
  /** The draw that is committed and neither revealed nor void. */
  open: Draw | null = null;
  /** Last revealed secret, at first the anchor. */
  revealed: Uint8Array;
  closed = false;
  readonly warnings = new Set<string>();
  readonly refs = new Set<string>();
  readonly indexOfPid = new Map<string, number>();
  readonly pidOfIndex = new Map<number, string>();

  constructor(
    readonly opening: OpenLine,
    readonly lines: readonly Line[],
  ) {
    this.revealed = fromHex(opening.anchor);
  }

  draw(number: number): Draw | undefined {
    return this.draws[number - 1];
  }

  /** Has a result, is no test, is not void, and neither is its parent. */
  counts(draw: Draw): boolean {
    if (draw.resultAt === null || draw.commit.kind === 'test' || draw.voided !== null) return false;
    const parent = this.draw(draw.commit.parent);
    return parent === undefined || parent.voided === null;
  }

  /** Counting draws of the family that a draw belongs to, oldest first. */
  family(draw: Draw): Draw[] {
    const main = draw.commit.kind === 'redraw' ? draw.commit.parent : draw.number;
    return this.draws.filter(
      (other) => (other.number === main || other.commit.parent === main) && this.counts(other),
    );
  }

  /** The draw of the family that holds a rank: the latest that has it. */
  holder(draw: Draw, rank: number, family = this.family(draw)): Draw | undefined {
    for (let i = family.length - 1; i >= 0; i--) if (family[i]?.winners.has(rank)) return family[i];
    return undefined;
  }
}

/** True when the winner of the rank was set aside and not taken back. */
export function setAside(draw: Draw, rank: number): boolean {
  const status = draw.status.get(rank);
  return status !== undefined && status !== 'present';
}

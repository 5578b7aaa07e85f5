/** Codes of draw protocol §10; `E_SCHEMA` = unreadable, all others = disproved. */
export type ErrorCode =
  | 'E_SCHEMA'
  | 'E_CANON'
  | 'E_ENTRY'
  | 'E_SEQ'
  | 'E_EVENT'
  | 'E_KEY'
  | 'E_HEAD'
  | 'E_SIG'
  | 'E_SHORT'
  | 'E_FORK'
  | 'E_PARAM'
  | 'E_ORDER'
  | 'E_DRAWNO'
  | 'E_REDRAW'
  | 'E_ENTROPY'
  | 'E_CHAIN'
  | 'E_SEED'
  | 'E_COUNT'
  | 'E_WINNERLIST'
  | 'E_IDENT'
  | 'E_EXCLUDED'
  | 'E_AWARD'
  | 'E_VOID'
  | 'E_STATUS'
  | 'E_PAY'
  | 'E_PAY_DUP'
  | 'E_PAY_STATE'
  | 'E_PROOF'
  | 'E_WINNER'
  | 'E_POOL_SUM'
  | 'E_POOL_ROOT'
  | 'E_POOL_DUP'
  | 'E_POOL_EXCL'
  | 'E_TAPS'
  | 'E_POOL_MOVED'
  | 'E_ME_PID'
  | 'E_RECEIPT'
  | 'E_DROPPED'
  | 'E_ME_PROOF';

/** Where in the input a check failed, as far as it makes sense. */
export interface Place {
  /** Line of the log, from 0. */
  line?: number;
  draw?: number;
  rank?: number;
}

/** Thrown by the check that fails; the verifier turns it into the report. */
export class Disproved extends Error {
  constructor(
    readonly code: ErrorCode,
    readonly place: Place = {},
  ) {
    super(code);
    this.name = 'Disproved';
  }
}

/** Fails with the code unless the condition holds. */
export function need(condition: boolean, code: ErrorCode, place: Place = {}): asserts condition {
  if (!condition) throw new Disproved(code, place);
}

export type Level = 'A0' | 'A1' | 'A2' | 'A3';
export type Depth = 'light' | 'full' | 'light+taps' | 'full+taps';

export interface MyDraw {
  /** First ticket and number of tickets. */
  tickets: [start: number, weight: number];
  won: number[];
}

export interface Proved {
  ok: true;
  closed: boolean;
  code: string;
  levels: Record<string, Level>;
  checked: Record<string, Depth>;
  warnings: string[];
  me: Record<string, MyDraw>;
}

/** The verdict, exactly as the protocol words it. */
export type Report = Proved | { ok: false; error: ErrorCode };

/** The steps of §10, in order. */
export const STEPS = ['shape', 'lines', 'signature', 'seen', 'rules', 'draws', 'me'] as const;
export type Step = (typeof STEPS)[number];

/** How far the verifier is; `done` of `total` within the step. */
export interface Progress {
  step: Step;
  done: number;
  total: number;
}

/** What only this device knows; never uploaded. */
export interface LocalInput {
  pin?: unknown;
  seen?: unknown;
  me?: unknown;
  /** Pool files by draw: n × 40 bytes, instead of `pool` in the bundle. */
  pools?: ReadonlyMap<number, Uint8Array>;
}

/** A draw in words for people, as far as the walk came. */
export interface DrawStory {
  draw: number;
  kind: 'main' | 'redraw' | 'test';
  parent: number;
  prize: string;
  memo: string;
  k: number;
  n: number;
  tickets: number;
  committedAt: number;
  level: Level | null;
  sources: string[];
  voided: string | null;
  winners: { rank: number; index: number; pid: string; weight: number; cents: number; status: string }[];
  /** Log code after the commit: what the big screen showed. */
  commitCode: string;
}

/** The verdict with all that a page shows beside it. */
export interface Outcome {
  report: Report;
  /** Step that failed, and where. */
  failed: { step: Step; place: Place } | null;
  event: string | null;
  lines: number;
  /** Signed checkpoints of this device that lie on the log. */
  seen: number;
  draws: DrawStory[];
}

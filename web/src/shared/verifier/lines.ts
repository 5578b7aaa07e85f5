import { isHex, isInt } from './bytes';
import type { Json, JsonObject } from './canonical';

/** The lines of a log (draw protocol §6), as they are once their shape has been checked. */
export type Source =
  | { s: 'audience' }
  | { s: 'dice'; sides: number; count: number }
  | { s: 'words'; count: number }
  | { s: 'drand'; chain: string; round: number };

export type Value =
  | { m: number; root: string }
  | { rolls: number[] }
  | { words: string[] }
  | { randomness: string; signature: string };

export type Award =
  | { mode: 'none' }
  | { mode: 'fixed'; cents: number }
  | { mode: 'split'; cents: number; min: number }
  | { mode: 'inherit' };

export interface PoolSummary {
  n: number;
  tickets: number;
  max: number;
  root: string;
}

export interface Winner {
  r: number;
  i: number;
  pid: string;
  w: number;
  c: number;
}

interface Common {
  seq: number;
  ts: number;
  memo?: string;
}

export interface OpenLine extends Common {
  t: 'event.open';
  v: 'mlot1';
  event: string;
  key: string;
  anchor: string;
  links: number;
}
export interface CommitLine extends Common {
  t: 'draw.commit';
  draw: number;
  kind: 'main' | 'redraw' | 'test';
  prize: string;
  k: number;
  exclude: 'none' | 'group' | 'event';
  group: string;
  parent: number;
  ranks: number[];
  pool: PoolSummary;
  entropy: Source[];
  award: Award;
}
export interface EntropyLine extends Common {
  t: 'draw.entropy';
  draw: number;
  i: number;
  value: Value;
}
export interface ResultLine extends Common {
  t: 'draw.result';
  draw: number;
  secret: string;
  seed: string;
  winners: Winner[];
}
export interface VoidLine extends Common {
  t: 'draw.void';
  draw: number;
  secret: string;
  reason: string;
}
export type SeatStatus = 'present' | 'absent' | 'declined' | 'disqualified';
export interface StatusLine extends Common {
  t: 'winner.status';
  draw: number;
  r: number;
  status: SeatStatus;
}
export interface PayoutLine extends Common {
  t: 'payout';
  draw: number;
  r: number;
  pid: string;
  c: number;
  a: number;
  ref: string;
  status: 'sent' | 'failed' | 'refunded';
}
export interface CloseLine extends Common {
  t: 'event.close';
}
export type Line =
  | OpenLine
  | CommitLine
  | EntropyLine
  | ResultLine
  | VoidLine
  | StatusLine
  | PayoutLine
  | CloseLine;

type Check = (value: Json) => boolean;

const hex32: Check = (value) => isHex(value, 32);
const name: Check = (value) => typeof value === 'string' && /^[A-Za-z0-9._-]{1,64}$/.test(value);
const oneOf =
  (...options: string[]): Check =>
  (value) =>
    typeof value === 'string' && options.includes(value);
const listOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check);
const text: Check = (value) => typeof value === 'string';

function isObject(value: Json): value is JsonObject {
  return typeof value === 'object' && !Array.isArray(value);
}

/** Exactly these fields, each as its check wants it. */
const shape =
  (fields: Record<string, Check>): Check =>
  (value) =>
    isObject(value) &&
    Object.keys(value).length === Object.keys(fields).length &&
    Object.entries(fields).every(([field, check]) => {
      const content = value[field];
      return content !== undefined && check(content);
    });
const anyOf =
  (...checks: Check[]): Check =>
  (value) =>
    checks.some((check) => check(value));

const source = anyOf(
  shape({ s: oneOf('audience') }),
  shape({ s: oneOf('dice'), sides: isInt, count: isInt }),
  shape({ s: oneOf('words'), count: isInt }),
  shape({ s: oneOf('drand'), chain: hex32, round: isInt }),
);

const entropyValue = anyOf(
  shape({ m: isInt, root: hex32 }),
  shape({ rolls: listOf(isInt) }),
  shape({ words: listOf(text) }),
  shape({ randomness: hex32, signature: (value) => isHex(value, 48) }),
);

const award = anyOf(
  shape({ mode: oneOf('none', 'inherit') }),
  shape({ mode: oneOf('fixed'), cents: isInt }),
  shape({ mode: oneOf('split'), cents: isInt, min: isInt }),
);

const FIELDS: Record<Line['t'], Record<string, Check>> = {
  'event.open': {
    v: oneOf('mlot1'),
    event: (value) => isHex(value, 16),
    key: hex32,
    anchor: hex32,
    links: isInt,
  },
  'draw.commit': {
    draw: isInt,
    kind: oneOf('main', 'redraw', 'test'),
    prize: name,
    k: isInt,
    exclude: oneOf('none', 'group', 'event'),
    group: anyOf(name, oneOf('')),
    parent: isInt,
    ranks: listOf(isInt),
    pool: shape({ n: isInt, tickets: isInt, max: isInt, root: hex32 }),
    entropy: listOf(source),
    award,
  },
  'draw.entropy': { draw: isInt, i: isInt, value: entropyValue },
  'draw.result': {
    draw: isInt,
    secret: hex32,
    seed: hex32,
    winners: listOf(shape({ r: isInt, i: isInt, pid: hex32, w: isInt, c: isInt })),
  },
  'draw.void': { draw: isInt, secret: hex32, reason: name },
  'winner.status': {
    draw: isInt,
    r: isInt,
    status: oneOf('present', 'absent', 'declined', 'disqualified'),
  },
  payout: {
    draw: isInt,
    r: isInt,
    pid: hex32,
    c: isInt,
    a: isInt,
    ref: hex32,
    status: oneOf('sent', 'failed', 'refunded'),
  },
  'event.close': {},
};

const memo: Check = (value) => typeof value === 'string' && [...value].length <= 200;

/** The line of a canonical object, or `null` when its fields are not exactly those of its type. */
export function readLine(object: JsonObject): Line | null {
  const type = object.t;
  if (typeof type !== 'string' || !Object.keys(FIELDS).includes(type)) return null;
  const fields: Record<string, Check> = { ...FIELDS[type as Line['t']], t: text, seq: isInt, ts: isInt };
  if (object.memo !== undefined) fields.memo = memo;
  return shape(fields)(object) ? (object as unknown as Line) : null;
}

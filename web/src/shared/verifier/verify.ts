import { type Bundle, type Checkpoint, parseBundle, readBundle, readCheckpoint } from './bundle';
import { isHex, isRecord, logCode, toHex, utf8 } from './bytes';
import { readCanonical } from './canonical';
import { verifyText } from './ed25519';
import { type Line, type OpenLine, readLine } from './lines';
import { checkMe } from './me';
import { checkDraws } from './proofs';
import { levelOf } from './randomness';
import {
  Disproved,
  type DrawStory,
  type Level,
  type LocalInput,
  need,
  type Outcome,
  type Progress,
  type Proved,
  type Step,
} from './report';
import { type Draw, LogState } from './state';
import { headsOf, walkLine, warnOpen } from './walk';

/** Lines walked between two signs of progress. */
const BATCH = 200;

const LEVELS: readonly Level[] = ['A0', 'A1', 'A2', 'A3'];

/** What has been found so far; also after a failure a page shows how far it came. */
interface Run {
  step: Step;
  lines: Line[];
  heads: Uint8Array[];
  /** Sizes of the seen checkpoints that lie on the log. */
  sizes: number[];
  state: LogState | null;
}

/** Step 2: every line canonical, with exactly its fields, at its place. */
function readLines(log: readonly string[]): Line[] {
  return log.map((text, number) => {
    const place = { line: number };
    const object = readCanonical(text);
    need(object !== null, 'E_CANON', place);
    const line = readLine(object);
    need(line !== null, 'E_ENTRY', place);
    need(line.seq === number && (line.t === 'event.open') === (number === 0), 'E_SEQ', place);
    return line;
  });
}

function checkpointSigned({ event, size, head, sig }: Checkpoint, key: string): boolean {
  return verifyText(sig, `mlot1/checkpoint\n${event}\n${size}\n${head}\n`, key);
}

/** Step 3: the log is the pinned one and its head is signed. */
function checkHead({ checkpoint }: Bundle, opening: OpenLine, heads: readonly Uint8Array[], pin: unknown) {
  need(checkpoint.event === opening.event, 'E_EVENT');
  if (pin !== undefined && pin !== null) {
    need(isRecord(pin) && isHex(pin.event, 16) && pin.event === opening.event, 'E_EVENT');
    need(pin.key === opening.key, 'E_KEY');
  }
  need(checkpoint.size === heads.length, 'E_HEAD');
  need(checkpoint.head === toHex(heads[heads.length - 1] ?? new Uint8Array(32)), 'E_HEAD');
  need(checkpointSigned(checkpoint, opening.key), 'E_SIG');
}

/** Step 4: sizes of the checkpoints that this device stored earlier; all must lie on this log. */
function checkSeen(seen: unknown, opening: OpenLine, heads: readonly Uint8Array[]): number[] {
  const sizes: number[] = [];
  for (const entry of Array.isArray(seen) ? seen : []) {
    const checkpoint = readCheckpoint(entry);
    if (checkpoint === null || checkpoint.event !== opening.event) continue;
    if (!checkpointSigned(checkpoint, opening.key)) continue;
    need(checkpoint.size <= heads.length, 'E_SHORT');
    const head = heads[checkpoint.size - 1];
    need(head !== undefined && toHex(head) === checkpoint.head, 'E_FORK', { line: checkpoint.size - 1 });
    sizes.push(checkpoint.size);
  }
  return sizes;
}

function levelNumber(draw: Draw): number {
  const values = draw.entropy.map(({ value }) => value);
  return levelOf(draw.commit.entropy, values);
}

/** A stored checkpoint shows that everything before the deciding line was fixed before it. */
function witnessed(draw: Draw, sizes: readonly number[]): boolean {
  const own = [draw.commit.seq, ...draw.entropy.map(({ seq }) => seq)];
  if (draw.entropy.length === 0) own.push(draw.resultAt ?? 0);
  const [before = 0, deciding = 0] = own.slice(-2);
  return sizes.some((size) => before < size && size <= deciding);
}

/** Warnings and levels of the draws that have a result. */
function judge(state: LogState, sizes: readonly number[]): Record<string, Level> {
  const levels: Record<string, Level> = {};
  for (const draw of state.draws) {
    if (draw.resultAt === null) continue;
    const level = levelNumber(draw);
    levels[String(draw.number)] = LEVELS[level] ?? 'A0';
    const parent = state.draw(draw.commit.parent);
    if (parent !== undefined && level < levelNumber(parent)) state.warnings.add(`W_WEAKER:${draw.number}`);
    for (const { s } of draw.commit.entropy) {
      if (s === 'words') state.warnings.add(`W_WORDS:${draw.number}`);
      if (s === 'drand') state.warnings.add(`W_DRAND_UNVERIFIED:${draw.number}`);
    }
    if (!witnessed(draw, sizes)) state.warnings.add(`W_UNWITNESSED:${draw.number}`);
  }
  return levels;
}

function story(draw: Draw): DrawStory {
  const { kind, parent, prize, memo, k, pool, ts, entropy } = draw.commit;
  return {
    draw: draw.number,
    kind,
    parent,
    prize,
    memo: memo ?? '',
    k,
    n: pool.n,
    tickets: pool.tickets,
    committedAt: ts,
    level: draw.resultAt === null ? null : (LEVELS[levelNumber(draw)] ?? 'A0'),
    sources: entropy.map(({ s }) => s),
    voided: draw.voided,
    winners: [...draw.winners.values()].map(({ r, i, pid, w, c }) => ({
      rank: r,
      index: i,
      pid,
      weight: w,
      cents: c,
      status: draw.status.get(r) ?? '',
    })),
    commitCode: logCode(toHex(draw.head)),
  };
}

function* steps(run: Run, input: unknown, local: LocalInput): Generator<Progress, Proved> {
  const at = (step: Step, done = 0, total = 1): Progress => {
    run.step = step;
    return { step, done, total };
  };
  yield at('shape');
  const bundle = readBundle(typeof input === 'string' ? parseBundle(input) : input);
  yield at('lines');
  run.lines = readLines(bundle.log);
  run.heads = headsOf(bundle.log.map(utf8));
  const { lines, heads } = run;
  const opening = lines[0] as OpenLine;
  yield at('signature');
  checkHead(bundle, opening, heads, local.pin);
  yield at('seen');
  run.sizes = checkSeen(local.seen, opening, heads);
  const state = new LogState(opening, lines);
  run.state = state;
  for (const [i, line] of lines.entries()) {
    if (i % BATCH === 0) yield at('rules', i, lines.length);
    walkLine(state, line, heads[i] ?? new Uint8Array(32));
  }
  warnOpen(state);
  const work = checkDraws(state, bundle.draws, local.pools ?? new Map());
  let part = work.next();
  for (let done = 0; !part.done; part = work.next(), done++) yield at('draws', done, bundle.draws.length);
  const levels = judge(state, run.sizes);
  yield at('me');
  const me = checkMe(state, part.value.pools, local.me);
  const { closed } = state;
  const code = logCode(bundle.checkpoint.head);
  const warnings = [...state.warnings].sort();
  return { ok: true, closed, code, levels, checked: part.value.depths, warnings, me };
}

/**
 * Checks a bundle (its text, or the parsed value) against draw protocol §10. Yields its progress, so
 * that whoever drives it can show it or let go of the thread, and returns the verdict.
 */
export function* verifySteps(input: unknown, local: LocalInput = {}): Generator<Progress, Outcome> {
  const run: Run = { step: 'shape', lines: [], heads: [], sizes: [], state: null };
  const outcome = (report: Outcome['report'], failed: Outcome['failed']): Outcome => ({
    report,
    failed,
    event: run.state?.opening.event ?? null,
    lines: run.lines.length,
    seen: run.sizes.length,
    draws: run.state?.draws.map(story) ?? [],
  });
  try {
    return outcome(yield* steps(run, input, local), null);
  } catch (error) {
    if (!(error instanceof Disproved)) throw error;
    return outcome({ ok: false, error: error.code }, { step: run.step, place: error.place });
  }
}

/** The same in one go. */
export function verify(input: unknown, local: LocalInput = {}): Outcome {
  const work = verifySteps(input, local);
  let part = work.next();
  while (!part.done) part = work.next();
  return part.value;
}

import type { LocalInput, Outcome, Progress } from './report';
import { verifySteps } from './verify';

/** What the page asks of the worker. */
export interface Job {
  id: number;
  input: unknown;
  local: LocalInput;
}

/** What it answers: progress, and in the end the outcome or why it broke. */
export type Answer =
  | { id: number; progress: Progress }
  | { id: number; outcome: Outcome }
  | { id: number; broken: string };

/** Between two progress messages, ms: a page cannot show more. */
const PACE_MS = 40;

function run({ id, input, local }: Job): void {
  const answer = (message: Answer): void => globalThis.postMessage(message);
  const work = verifySteps(input, local);
  let last = 0;
  let step = '';
  let part = work.next();
  for (; !part.done; part = work.next()) {
    const now = performance.now();
    if (part.value.step === step && now - last < PACE_MS) continue;
    step = part.value.step;
    last = now;
    answer({ id, progress: part.value });
  }
  answer({ id, outcome: part.value });
}

globalThis.onmessage = ({ data }: MessageEvent<Job>) => {
  try {
    run(data);
  } catch (error) {
    globalThis.postMessage({ id: data.id, broken: String(error) } satisfies Answer);
  }
};

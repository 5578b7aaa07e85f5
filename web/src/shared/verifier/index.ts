import type { LocalInput, Outcome, Progress } from './report';
import { verifySteps } from './verify';
import type { Answer, Job } from './worker';
import VerifierWorker from './worker?worker';

export { logCode } from './bytes';
export type { DrawStory, ErrorCode, Level, LocalInput, Outcome, Progress, Report, Step } from './report';
export { STEPS } from './report';

/** Checks bundles off the page's own thread, or in small pieces on it where there are no workers. */
export interface Verifier {
  /** The bundle as text or parsed, and what only this device knows. Nothing leaves the device. */
  verify(input: unknown, local?: LocalInput, progress?: (at: Progress) => void): Promise<Outcome>;
  stop(): void;
}

/** Longest piece of work on the page's own thread, ms. */
const PIECE_MS = 12;

async function inPieces(
  input: unknown,
  local: LocalInput,
  progress: (at: Progress) => void,
): Promise<Outcome> {
  const work = verifySteps(input, local);
  let since = performance.now();
  for (;;) {
    const part = work.next();
    if (part.done) return part.value;
    if (performance.now() - since < PIECE_MS) continue;
    progress(part.value);
    await new Promise((resolve) => setTimeout(resolve));
    since = performance.now();
  }
}

interface Waiting {
  resolve(outcome: Outcome): void;
  reject(error: Error): void;
  progress(at: Progress): void;
}

class WorkerVerifier implements Verifier {
  private readonly waiting = new Map<number, Waiting>();
  private count = 0;

  constructor(private readonly worker: Worker) {
    worker.onmessage = ({ data }: MessageEvent<Answer>) => this.answered(data);
    worker.onerror = () => this.fail('the verifier did not start');
  }

  verify(input: unknown, local: LocalInput = {}, progress: (at: Progress) => void = () => {}) {
    this.count += 1;
    const job: Job = { id: this.count, input, local };
    return new Promise<Outcome>((resolve, reject) => {
      this.waiting.set(job.id, { resolve, reject, progress });
      this.worker.postMessage(job);
    });
  }

  stop(): void {
    this.worker.terminate();
    this.fail('stopped');
  }

  private answered(answer: Answer): void {
    const job = this.waiting.get(answer.id);
    if (job === undefined) return;
    if ('progress' in answer) {
      job.progress(answer.progress);
      return;
    }
    this.waiting.delete(answer.id);
    if ('outcome' in answer) job.resolve(answer.outcome);
    else job.reject(new Error(answer.broken));
  }

  private fail(reason: string): void {
    for (const job of this.waiting.values()) job.reject(new Error(reason));
    this.waiting.clear();
  }
}

/** Starts a verifier. Make it when the page loads: then it also works once the network is gone. */
export function startVerifier(): Verifier {
  try {
    return new WorkerVerifier(new VerifierWorker());
  } catch {
    return {
      verify: (input, local = {}, progress = () => {}) => inPieces(input, local, progress),
      stop: () => {},
    };
  }
}

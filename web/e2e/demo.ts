import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { vi } from 'vitest';

/** The binary under test, with the pages inside. */
export const BIN = process.env.KAIJIANG_BIN ?? join(import.meta.dirname, '../../target/debug/kaijiang');
const START_MS = 60_000;
const DESCRIPTION = 'data/demo.json';
const LOG = 'demo.log';

interface Log {
  role: string;
  user: string;
  password: string;
  token: string;
}

/** What `demo.json` says. */
interface Description {
  meeting: string;
  base: string;
  pages: { control: string; screen: string; attendee: string; verify: string };
  staff: Log[];
  sandbox: string;
}

/** A real `kaijiang demo` with its own data, on free ports. */
export class Demo {
  private constructor(
    public at: Description,
    readonly folder: string,
    private child: ChildProcess,
  ) {}

  /** Starts one, with more in its environment where a test wants that. */
  static async start(more: Record<string, string> = {}): Promise<Demo> {
    const folder = mkdtempSync(join(tmpdir(), 'kaijiang-evening-'));
    try {
      const [at, child] = await run(folder, '127.0.0.1:0', more);
      return new Demo(at, folder, child);
    } catch (cause) {
      rmSync(folder, { recursive: true, force: true });
      throw cause;
    }
  }

  /** Stops it, lets somebody at its data, and starts it at the same address. */
  async restart(meanwhile: () => void): Promise<void> {
    await this.end();
    meanwhile();
    [this.at, this.child] = await run(this.folder, new URL(this.at.base).host);
  }

  /** What it has written to its log so far. */
  get log(): string {
    return readFileSync(join(this.folder, LOG), 'utf8');
  }

  get sandboxOrigin(): string {
    return new URL(this.at.sandbox).origin;
  }

  staff(role: string): Log {
    const found = this.at.staff.find((one) => one.role === role);
    if (found === undefined) throw new Error(`no ${role} in demo.json`);
    return found;
  }

  /** A call to the sandbox's routes for programs. */
  async sandbox<T>(path: string, body?: unknown): Promise<T> {
    const init =
      body === undefined
        ? {}
        : { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
    const answer = await fetch(`${this.at.sandbox}${path}`, init);
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as T;
  }

  /** The newest code that was sent to a phone, once it is there. */
  async code(phone: string): Promise<string> {
    const read = async (): Promise<string> => {
      const { latest } = await this.sandbox<{ latest: string | null }>(`/sms?phone=${phone}`);
      if (latest === null) throw new Error(`no SMS to ${phone}`);
      return latest;
    };
    return vi.waitFor(read, { timeout: 20_000, interval: 100 });
  }

  /** A call of a member of staff; what the answer's type says. */
  async call<T>(role: string, request: string, body: unknown = {}): Promise<T> {
    const [method = 'GET', path = ''] = request.split(' ');
    const headers = {
      authorization: `Bearer ${this.staff(role).token}`,
      'content-type': 'application/json',
      'idempotency-key': randomUUID(),
    };
    const init = method === 'GET' ? {} : { body: JSON.stringify(body) };
    const answer = await fetch(`${this.at.base}/api/meetings/${this.at.meeting}${path}`, {
      method,
      headers,
      ...init,
    });
    if (!answer.ok) throw new Error(`${request}: ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as T;
  }

  private async end(): Promise<void> {
    if (this.child.exitCode !== null) return;
    const ended = once(this.child, 'exit');
    this.child.kill();
    await ended;
  }

  async stop(): Promise<void> {
    await this.end();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Starts the program and waits until it says where it is. */
async function run(
  folder: string,
  listen: string,
  more: Record<string, string> = {},
): Promise<[Description, ChildProcess]> {
  const file = join(folder, DESCRIPTION);
  const written = (): number => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const before = written();
  const child = spawn(BIN, ['demo'], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
    env: {
      ...process.env,
      KAIJIANG__DATA__DIR: join(folder, 'data'),
      KAIJIANG__SERVER__LISTEN: listen,
      KAIJIANG__SANDBOX__LISTEN: '127.0.0.1:0',
      ...more,
    },
  });
  let said = '';
  child.stderr?.on('data', (part: Buffer) => {
    said = (said + part.toString()).slice(-4000);
    appendFileSync(join(folder, LOG), part);
  });
  child.on('error', (error) => {
    said += String(error);
  });
  const read = (): Description => {
    if (child.exitCode !== null) throw new Error(`the demo ended: ${said}`);
    if (written() === before) throw new Error('it has not said where it is');
    return JSON.parse(readFileSync(file, 'utf8'));
  };
  try {
    return [await vi.waitFor(read, { timeout: START_MS, interval: 100 }), child];
  } catch (cause) {
    child.kill();
    throw new Error(`the demo did not start (${cause}): ${said}`);
  }
}

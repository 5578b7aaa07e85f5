import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { vi } from 'vitest';

/** The binary under test, with the pages inside. */
export const BIN = process.env.KAIJIANG_BIN ?? join(import.meta.dirname, '../../target/debug/kaijiang');
const START_MS = 60_000;

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
    readonly at: Description,
    readonly folder: string,
    private readonly child: ChildProcess,
  ) {}

  static async start(): Promise<Demo> {
    const folder = mkdtempSync(join(tmpdir(), 'kaijiang-evening-'));
    const child = spawn(BIN, ['demo'], {
      cwd: folder,
      stdio: ['ignore', 'ignore', 'pipe'],
      env: {
        ...process.env,
        KAIJIANG__DATA__DIR: join(folder, 'data'),
        KAIJIANG__SERVER__LISTEN: '127.0.0.1:0',
        KAIJIANG__SANDBOX__LISTEN: '127.0.0.1:0',
      },
    });
    let said = '';
    child.stderr?.on('data', (part: Buffer) => {
      said = (said + part.toString()).slice(-4000);
    });
    child.on('error', (error) => {
      said += String(error);
    });
    const read = (): Description => {
      if (child.exitCode !== null) throw new Error(`the demo ended: ${said}`);
      return JSON.parse(readFileSync(join(folder, 'data/demo.json'), 'utf8'));
    };
    try {
      return new Demo(await vi.waitFor(read, { timeout: START_MS, interval: 100 }), folder, child);
    } catch (cause) {
      child.kill();
      rmSync(folder, { recursive: true, force: true });
      throw new Error(`the demo did not start (${cause}): ${said}`);
    }
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

  async stop(): Promise<void> {
    if (this.child.exitCode === null) {
      const ended = once(this.child, 'exit');
      this.child.kill();
      await ended;
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}

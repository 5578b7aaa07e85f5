import { onScopeDispose, ref, shallowRef } from 'vue';
import { ApiError, fetchOk } from '../shared/api';
import { type Outcome, type Progress, startVerifier } from '../shared/verifier';
import { readProofFile, readSource } from './source';

/** Something went wrong before there was anything to verify; `key` names the sentence. */
export interface Problem {
  key: 'address' | 'foreign' | 'code' | 'fetch' | 'file' | 'size' | 'broken';
  values: Record<string, string | number>;
}

/** Larger proofs would not fit into the memory of a phone. */
const LARGEST_MB = 200;

/** One proof at a time: from a file or an address to its outcome. */
export function useVerify() {
  // Started with the page, so that its script is there when the network is gone.
  const verifier = startVerifier();
  onScopeDispose(() => verifier.stop());

  const name = ref('');
  const busy = ref(false);
  const progress = shallowRef<Progress | null>(null);
  const outcome = shallowRef<Outcome | null>(null);
  const problem = shallowRef<Problem | null>(null);
  /** Whether there was anything to compare with, for the steps that need something of this device. */
  const has = ref({ seen: false, me: false });

  function fail(key: Problem['key'], values: Problem['values'] = {}): void {
    problem.value = { key, values };
  }

  async function check(text: string): Promise<void> {
    const { bundle, local } = readProofFile(text);
    has.value = { seen: Array.isArray(local.seen) && local.seen.length > 0, me: Boolean(local.me) };
    try {
      outcome.value = await verifier.verify(bundle, local, (at) => {
        progress.value = at;
      });
    } catch (error) {
      fail('broken', { detail: String(error) });
    }
  }

  async function run(label: string, read: () => Promise<string | null>): Promise<void> {
    if (busy.value) return;
    reset();
    busy.value = true;
    name.value = label;
    const text = await read();
    if (text !== null) await check(text);
    busy.value = false;
  }

  function fromFile(file: File): Promise<void> {
    return run(file.name, async () => {
      if (file.size > LARGEST_MB * 1_000_000) {
        fail('size', { mb: LARGEST_MB });
        return null;
      }
      return file.text().catch(() => {
        fail('file');
        return null;
      });
    });
  }

  async function fetched(path: string): Promise<string | null> {
    try {
      return await (await fetchOk(path)).text();
    } catch (error) {
      fail('fetch', { detail: error instanceof ApiError ? error.detail : String(error) });
      return null;
    }
  }

  /** `pasted` names the source when it is a proof itself. */
  async function fromText(typed: string, pasted: string): Promise<void> {
    const source = readSource(typed, location.origin);
    if ('path' in source) return run(source.path, () => fetched(source.path));
    if ('text' in source) return run(pasted, () => Promise.resolve(source.text));
    reset();
    fail(source.problem, { host: location.host });
  }

  function reset(): void {
    name.value = '';
    progress.value = null;
    outcome.value = null;
    problem.value = null;
  }

  return { name, busy, progress, outcome, problem, has, fromFile, fromText, reset };
}

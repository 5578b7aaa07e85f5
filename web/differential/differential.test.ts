import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { expect, it } from 'vitest';
import { parseBundle } from '../src/shared/verifier/bundle';
import type { LocalInput, Report } from '../src/shared/verifier/report';
import { verify } from '../src/shared/verifier/verify';

const FILE = process.env.KAIJIANG_CASES_FILE ?? '';

interface Case {
  seed: number;
  bundle: string;
  local: string | null;
  report: Report;
}

function judged({ bundle, local }: Case): Report {
  let known: LocalInput = {};
  try {
    const read: unknown = local === null ? {} : JSON.parse(local);
    // As on the command line: what is not an object is no local input, `null` is none at all.
    if (read !== null && (typeof read !== 'object' || Array.isArray(read)))
      return { ok: false, error: 'E_SCHEMA' };
    known = read ?? {};
    return verify(parseBundle(bundle), known).report;
  } catch {
    return { ok: false, error: 'E_SCHEMA' };
  }
}

it('the verifier in the browser and the one on the command line agree on every case', async () => {
  const differ: string[] = [];
  let count = 0;
  for await (const line of createInterface({ input: createReadStream(FILE) })) {
    const one = JSON.parse(line) as Case;
    count += 1;
    const ours = JSON.stringify(judged(one), sorted);
    const theirs = JSON.stringify(one.report, sorted);
    if (ours !== theirs)
      differ.push(`case ${count} of evening ${one.seed}:\n  rust ${theirs}\n  here ${ours}`);
  }
  expect(count).toBeGreaterThan(40);
  expect(differ.slice(0, 10)).toEqual([]);
});

/** Keys in order: the two write them in different ones. */
function sorted(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

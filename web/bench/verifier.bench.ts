/**
 * How long the page `/verify` takes in Chromium for a proof file, and whether it stays awake meanwhile:
 * `KAIJIANG_PROOFS=FILE[:FILE…] npm run bench` after `npm run build`. Prints JSON. `kaijiang bench draw --save FILE`
 * makes a proof of a million people.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Page } from 'playwright-core';
import { it } from 'vitest';
import { LAPTOP, launch, open } from '../e2e/browser';
import { serveBuild } from '../e2e/static';

const LONGEST_MS = 300_000;
/** Proofs beyond this are only measured in the page, which reads them from the file. */
const LARGE_BYTES = 20_000_000;
const FILES = (process.env.KAIJIANG_PROOFS ?? '').split(':').filter((file) => file !== '');

/** Times of the check alone, ms: from the question to the worker to its answer, first and then at its best. */
async function inWorker(page: Page, file: string): Promise<{ first_ms: number; best_ms: number }> {
  const assets = join(import.meta.dirname, '../dist/assets');
  const script = readdirSync(assets).find((name) => /^worker-.*\.js$/.test(name));
  const text = readFileSync(file, 'utf8');
  if (text.length > LARGE_BYTES) return { first_ms: 0, best_ms: 0 };
  const times = await page.evaluate(
    async ([url, input]) => {
      const worker = new Worker(url ?? '');
      const ask = (id: number, what: unknown): Promise<number> =>
        new Promise((resolve, reject) => {
          const begun = performance.now();
          worker.onmessage = ({ data }) => {
            if ('progress' in data) return;
            if (id > 0 && !data.outcome?.report.ok) reject(new Error(JSON.stringify(data)));
            resolve(performance.now() - begun);
          };
          worker.postMessage({ id, input: what, local: {} });
        });
      // The worker's start is no part of the check: the first, empty question waits for it.
      await ask(0, '');
      const all: number[] = [];
      for (let run = 1; run <= 10; run++) all.push(await ask(run, JSON.parse(input ?? '')));
      worker.terminate();
      return all;
    },
    [`/assets/${script}`, text],
  );
  const round = (ms: number): number => Math.round(ms * 10) / 10;
  return { first_ms: round(times[0] ?? 0), best_ms: round(Math.min(...times)) };
}

it('verifies proofs in the browser', async () => {
  const { home, server } = await serveBuild();
  const browser = await launch();
  const rows: unknown[] = [];
  for (const file of FILES) {
    const { page, context } = await open(browser, LAPTOP, home);
    await page.goto(`${home}/verify`);
    // The longest time between two frames: a page that freezes shows it.
    await page.evaluate(() => {
      const seen = globalThis as unknown as { longest: number };
      seen.longest = 0;
      let last = performance.now();
      const frame = (): void => {
        const now = performance.now();
        seen.longest = Math.max(seen.longest, now - last);
        last = now;
        requestAnimationFrame(frame);
      };
      requestAnimationFrame(frame);
    });
    const check = await inWorker(page, file);
    const begun = performance.now();
    await page.locator('input[type=file]').setInputFiles(file);
    await page.locator('.verdict.good').first().waitFor({ timeout: LONGEST_MS });
    const ms = Math.round(performance.now() - begun);
    const longest = await page.evaluate(() =>
      Math.round((globalThis as unknown as { longest: number }).longest),
    );
    rows.push({ proof: basename(file), page_ms: ms, longest_frame_ms: longest, ...check });
    await context.close();
  }
  await browser.close();
  server.close();
  process.stdout.write(`${JSON.stringify(rows, null, 2)}\n`);
});

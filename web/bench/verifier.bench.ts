/**
 * How long the page `/verify` takes in Chromium for a proof file, and whether it stays awake meanwhile:
 * `KAIJIANG_PROOFS=FILE[:FILE…] npm run bench` after `npm run build`. Prints JSON. `kaijiang bench draw --save FILE`
 * makes a proof of a million people.
 */
import { basename } from 'node:path';
import { it } from 'vitest';
import { LAPTOP, launch, open } from '../e2e/browser';
import { serveBuild } from '../e2e/static';

const LONGEST_MS = 300_000;
const FILES = (process.env.KAIJIANG_PROOFS ?? '').split(':').filter((file) => file !== '');

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
    const begun = performance.now();
    await page.locator('input[type=file]').setInputFiles(file);
    await page.locator('.verdict.good').first().waitFor({ timeout: LONGEST_MS });
    const ms = Math.round(performance.now() - begun);
    const longest = await page.evaluate(() =>
      Math.round((globalThis as unknown as { longest: number }).longest),
    );
    rows.push({ proof: basename(file), ms, longest_frame_ms: longest });
    await context.close();
  }
  await browser.close();
  server.close();
  process.stdout.write(`${JSON.stringify(rows, null, 2)}\n`);
});

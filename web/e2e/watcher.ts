import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { vi } from 'vitest';
import { Album } from './album';
import { seriousFindings } from './findings';
import { SHOTS } from './visit';
import { type Lang, strangers } from './words';

/** A browser that draws in software is now and then too busy for a picture. */
const PICTURE_MS = 60_000;

/** Looks at pages on the way through an evening, and tells all that was wrong at once. */
export class Watcher {
  readonly faults: string[] = [];
  readonly album: Album;

  constructor(
    private readonly lang: Lang,
    /** What people typed: words of any language. */
    private readonly data: string[],
  ) {
    this.album = new Album(lang);
    mkdirSync(SHOTS, { recursive: true });
  }

  /** Whatever a page shows is in the reader's language, and fits into the window. */
  async look(page: Page, name: string, fullPage: boolean): Promise<void> {
    const path = join(SHOTS, `words-${this.lang}-${name}.png`);
    await vi.waitFor(() => page.screenshot({ path, fullPage }), { timeout: PICTURE_MS });
    for (const stranger of await strangers(page, this.lang, this.data))
      this.faults.push(`${name}: ${stranger}`);
    if (await page.evaluate(() => document.documentElement.scrollWidth > innerWidth))
      this.faults.push(`${name}: too wide`);
  }

  /** It can be used without seeing it, or without a mouse. */
  async reach(page: Page, name: string): Promise<void> {
    for (const finding of await seriousFindings(page)) this.faults.push(`${name}: ${finding}`);
  }
}

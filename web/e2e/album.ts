import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Locator, Page } from 'playwright-core';
import { expect } from 'vitest';
import type { Lang } from './words';

const DOCS = join(import.meta.dirname, '../../docs');
/**
 * `make pictures` takes them anew; every other run walks the same way and finds out whether each step and its
 * picture are there, not what it looks like. */
const TAKING = process.env.KAIJIANG_PICTURES === '1';
/** Widest that a picture is kept, and how good: the whole manual stays below 2.5 MB. */
const WIDEST = 1200;
const QUALITY = 0.82;
/** Of one language. */
const MOST_BYTES = 1_250_000;

/** The pictures of the manual in one language. */
export class Album {
  readonly taken: string[] = [];

  constructor(private readonly lang: Lang) {
    if (TAKING) mkdirSync(this.folder, { recursive: true });
  }

  private get folder(): string {
    return join(DOCS, 'pictures', this.lang);
  }

  /** The page as it stands now, from its top or where `at` is in sight. */
  async take(page: Page, name: string, at?: Locator): Promise<void> {
    this.taken.push(name);
    if (!TAKING) return;
    // From the top, where a reader expects a page to begin, unless the picture is of something further down.
    await page.evaluate(() => scrollTo(0, 0));
    await at?.scrollIntoViewIfNeeded();
    await page.evaluate(() => Promise.allSettled(document.getAnimations().map((one) => one.finished)));
    const png = (await page.screenshot({ scale: 'css' })).toString('base64');
    writeFileSync(join(this.folder, `${name}.webp`), await smaller(page, png));
  }

  /** The manual shows each picture once, and each is there. */
  check(): void {
    const manual = readFileSync(join(DOCS, `manual.${this.lang}.md`), 'utf8');
    const shown = [...manual.matchAll(/!\[[^\]]+\]\(pictures\/(\w+)\/([\w-]+)\.webp\)/g)];
    expect(new Set(shown.map(([, lang]) => lang))).toEqual(new Set([this.lang]));
    expect(shown.map(([, , name]) => name).sort(), `pictures in manual.${this.lang}.md`).toEqual(
      [...this.taken].sort(),
    );
    const kept = existsSync(this.folder) ? readdirSync(this.folder) : [];
    expect(kept.sort(), `files in docs/pictures/${this.lang}: run make pictures`).toEqual(
      this.taken.map((name) => `${name}.webp`).sort(),
    );
    const bytes = kept.reduce((sum, name) => sum + statSync(join(this.folder, name)).size, 0);
    expect(bytes, `bytes in docs/pictures/${this.lang}`).toBeLessThan(MOST_BYTES);
  }
}

/** As WebP, no wider than the manual needs; made in a page of its own, which no policy governs. */
async function smaller(page: Page, png: string): Promise<Buffer> {
  const bench = await page.context().newPage();
  try {
    const webp = await bench.evaluate(
      async ([png, widest, quality]) => {
        const image = new Image();
        image.src = `data:image/png;base64,${png}`;
        await image.decode();
        const scale = Math.min(1, widest / image.naturalWidth);
        const canvas = document.createElement('canvas');
        canvas.width = Math.round(image.naturalWidth * scale);
        canvas.height = Math.round(image.naturalHeight * scale);
        const pen = canvas.getContext('2d');
        if (pen === null) throw new Error('no canvas');
        pen.imageSmoothingQuality = 'high';
        pen.drawImage(image, 0, 0, canvas.width, canvas.height);
        return canvas.toDataURL('image/webp', quality).split(',')[1] ?? '';
      },
      [png, WIDEST, QUALITY] as const,
    );
    return Buffer.from(webp, 'base64');
  } finally {
    await bench.close();
  }
}

import { existsSync } from 'node:fs';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';

/** The sizes that every page is looked at in. */
export const PHONE = { width: 390, height: 844 };
export const LAPTOP = { width: 1440, height: 900 };
export const HALL = { width: 1920, height: 1080 };

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** WebGL in software, so that the hall screen draws on machines without a GPU. */
const SOFTWARE = ['--use-gl=angle', '--use-angle=swiftshader', '--enable-unsafe-swiftshader'];
/** A browser that has no WebGL at all. */
export const NO_WEBGL = [
  '--disable-gpu',
  '--disable-software-rasterizer',
  '--disable-webgl',
  '--disable-webgl2',
];

/** The system's Chromium, or the one that KAIJIANG_CHROMIUM names; it is not downloaded. */
export async function launch(graphics = SOFTWARE): Promise<Browser> {
  const executablePath = process.env.KAIJIANG_CHROMIUM ?? PLACES.find((place) => existsSync(place));
  if (executablePath === undefined) throw new Error('no Chromium found: install it or set KAIJIANG_CHROMIUM');
  return chromium.launch({
    executablePath,
    args: ['--no-sandbox', ...graphics],
  });
}

export interface Watched {
  context: BrowserContext;
  page: Page;
  /** Errors of scripts, of the console (refused by the policy, say), and requests to other hosts. */
  complaints: string[];
}

/** A fresh page of a size that notes whatever it should not do. `homes` = the only origins it may talk to. */
export async function open(
  browser: Browser,
  size: { width: number; height: number },
  ...homes: string[]
): Promise<Watched> {
  const context = await browser.newContext({ viewport: size, locale: 'zh-CN', timezoneId: 'Asia/Shanghai' });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(`script: ${error.message}`));
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning')
      complaints.push(`console: ${message.text()} ${message.location().url}`);
  });
  page.on('request', (request) => {
    const url = new URL(request.url());
    const ours = homes.includes(url.origin) || url.protocol === 'data:' || url.protocol === 'blob:';
    if (!ours) complaints.push(`foreign host: ${request.url()}`);
  });
  return { context, page, complaints };
}

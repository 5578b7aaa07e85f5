import { join } from 'node:path';
import type { Response } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { LAPTOP, PHONE } from './browser';
import { SHOTS, Visit } from './visit';

const WAY_MS = 240_000;
/** As long as Playwright waits by itself: nothing here takes longer. */
const STEP_MS = 30_000;
/** What nobody but the browser's own pages may do, in every answer. */
const HEADERS = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
};

describe('what guards the pages', () => {
  let visit: Visit;

  beforeAll(async () => {
    // The readiness page fails as no page should, so that it can be followed into the log.
    const env = { KAIJIANG_FAILPOINT: 'panic:checks', KAIJIANG_LOG: 'json' };
    visit = await Visit.start('guard', { env, stepMs: STEP_MS });
  }, WAY_MS);

  afterAll(() => visit?.stop());

  it('sends the same headers with every page, file and answer', async () => {
    const { page } = await visit.fresh(PHONE);
    const answers: Response[] = [];
    page.on('response', (response) => answers.push(response));
    for (const address of [...Object.values(visit.demo.at.pages), `${visit.demo.at.base}/api/nothing`]) {
      await page.goto(address);
      await page.waitForLoadState('networkidle');
    }
    const ours = answers.filter((answer) => answer.url().startsWith(visit.demo.at.base));
    expect(ours.length).toBeGreaterThan(8);
    for (const answer of ours) {
      const headers = await answer.allHeaders();
      // The control page shows the screen as a preview, in a frame of our own.
      const framed = new URL(answer.url()).pathname.startsWith('/screen/');
      const frames = { 'x-frame-options': framed ? 'SAMEORIGIN' : 'DENY' };
      expect(headers, answer.url()).toMatchObject({ ...HEADERS, ...frames });
      expect(headers['x-request-id'], answer.url()).toMatch(/^[0-9a-z]{10}$/);
      const policy = headers['content-security-policy'] ?? '';
      expect(policy, answer.url()).toContain("default-src 'none'");
      expect(policy, answer.url()).toContain(`frame-ancestors ${framed ? "'self'" : "'none'"}`);
      expect(policy, answer.url()).not.toMatch(/unsafe|script-src[^;]*(http|\*)/);
    }
  });

  it('runs no script that somebody smuggles in, and stands in no frame', async () => {
    const { page } = await visit.fresh(LAPTOP);
    await page.goto(`${visit.demo.at.base}/verify`);
    const ran = await page.evaluate(() => {
      const script = document.createElement('script');
      script.textContent = 'window.smuggled = true';
      document.body.append(script);
      const button = document.createElement('button');
      button.setAttribute('onclick', 'window.smuggled = true');
      document.body.append(button);
      button.click();
      return 'smuggled' in window;
    });
    expect(ran).toBe(false);
    const framed = await page.evaluate(async (address) => {
      const frame = document.createElement('iframe');
      frame.src = address;
      const loaded = new Promise((done) => {
        frame.onload = done;
        frame.onerror = done;
      });
      document.body.append(frame);
      await Promise.race([loaded, new Promise((done) => setTimeout(done, 3_000))]);
      return frame.contentDocument?.querySelector('#app') != null;
    }, visit.demo.at.pages.control);
    expect(framed).toBe(false);
  });

  it('keeps its cookies from scripts and from other sites', async () => {
    const { page, context } = await visit.fresh(LAPTOP);
    await visit.signIn(page, 'host');
    const cookies = await context.cookies();
    expect(cookies.map(({ name }) => name)).toEqual(['kj_staff']);
    for (const cookie of cookies) {
      expect(cookie).toMatchObject({ httpOnly: true, sameSite: 'Lax', path: '/' });
      // Behind TLS it is __Host- and Secure; here it is plain http to this machine.
      expect(cookie.secure).toBe(visit.demo.at.base.startsWith('https:'));
    }
    expect(await page.evaluate(() => document.cookie)).toBe('');
    const before = cookies[0]?.value;
    await page.evaluate(() =>
      fetch('/api/logout', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' }),
    );
    const stolen = await fetch(`${visit.demo.at.base}/api/session`, {
      headers: { cookie: `kj_staff=${before}` },
    });
    expect(stolen.status).toBe(401);
  });

  it('leads from an error on the page to its line in the log, and shows nothing else of it', async () => {
    const { page } = await visit.fresh(LAPTOP);
    await visit.signIn(page, 'host');
    await page.goto(`${visit.demo.at.base}/control#/checks`);
    const told =
      (await page
        .getByText(/\(#[0-9a-z]{10}\)/)
        .first()
        .textContent()) ?? '';
    const id = /#([0-9a-z]{10})/.exec(told)?.[1] ?? '';
    await page.screenshot({ path: join(SHOTS, 'guard-error.png') });
    await page.getByRole('button', { name: new RegExp(`复制请求编号 ${id}`) }).click();
    await page.getByText('已复制').waitFor();
    expect(await page.locator('body').textContent()).not.toMatch(/panic|failpoint|\.rs\b/);
    await vi.waitFor(() => expect(visit.demo.log).toMatch(new RegExp(`"request".*${id}`)));
    const lines: { level: string; fields: Record<string, unknown>; span?: { id?: string } }[] = visit.demo.log
      .split('\n')
      .filter((line) => line.includes(id))
      .map((line) => JSON.parse(line));
    expect(lines.every((line) => line.span?.id === id)).toBe(true);
    expect(lines.map(({ fields }) => fields.message)).toEqual(['panicked', 'request failed', 'request']);
    expect(lines[0]?.fields.place).toContain('failpoint.rs');
    expect(lines[2]?.fields).toMatchObject({ status: 500, code: 'internal', route: '/api/checks' });
    expect(visit.demo.log).not.toContain('a failpoint of the name');
  });
});

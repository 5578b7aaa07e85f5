import { mkdirSync, readFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LAPTOP, launch, open, PHONE } from './browser';
import { seriousFindings } from './findings';
import { serveBuild } from './static';

const VECTORS = join(import.meta.dirname, '../../tests/vectors/draw-vectors.json');
const SHOTS = join(import.meta.dirname, '../../test-results');

interface Vector {
  name: string;
  input: { bundle: { log: string[] } };
}

function vector(name: string): Vector['input'] {
  const all: Vector[] = JSON.parse(readFileSync(VECTORS, 'utf8')).vectors;
  const found = all.find((one) => one.name === name);
  if (found === undefined) throw new Error(`no vector ${name}`);
  return found.input;
}

function file(name: string, content: unknown) {
  return { name, mimeType: 'application/json', buffer: Buffer.from(JSON.stringify(content)) };
}

describe('/verify', () => {
  let browser: Browser;
  let server: Server;
  let home: string;

  beforeAll(async () => {
    mkdirSync(SHOTS, { recursive: true });
    const proof = JSON.stringify(vector('bundle-gala').bundle);
    ({ home, server } = await serveBuild({ '/api/meetings/gala/proof': proof }));
    browser = await launch();
  });

  afterAll(async () => {
    await browser.close();
    server.close();
  });

  it.each([
    ['phone', PHONE],
    ['laptop', LAPTOP],
  ])('proves a good file and disproves a bad one on a %s, also offline', async (label, size) => {
    const { context, page, complaints } = await open(browser, size, home);
    await page.goto(`${home}/verify`);
    await page.getByText('选择文件').waitFor();
    await page.screenshot({ path: join(SHOTS, `verify-empty-${label}.png`), fullPage: true });
    expect(await seriousFindings(page)).toEqual([]);

    await context.setOffline(true);
    await page.setInputFiles('input[type=file]', file('gala.json', vector('bundle-gala')));
    await page.getByRole('heading', { name: '验证通过' }).waitFor();
    expect(await page.locator('.verdict .mono').textContent()).toBe('9NTE-JYRN-2PBK-CA09-3RFB-BRP0');
    expect(await page.locator('.steps li.ok').count()).toBe(7);
    await page.getByLabel('核对凭据码').fill('9nte jyrn 2pbk ca09 3rfb brpo');
    await page.getByText('一致：这就是记录末尾的凭据码').waitFor();
    expect(await seriousFindings(page)).toEqual([]);
    await page.screenshot({ path: join(SHOTS, `verify-good-${label}.png`), fullPage: true });

    await page.getByRole('button', { name: 'English' }).click();
    await page.getByRole('heading', { name: 'Proved' }).waitFor();
    await page.screenshot({ path: join(SHOTS, `verify-good-en-${label}.png`), fullPage: true });
    await page.getByRole('button', { name: '中文' }).click();

    await page.getByRole('button', { name: '验证另一份' }).click();
    await page.setInputFiles('input[type=file]', file('cheated.json', vector('bundle-cheated-winner')));
    await page.getByRole('heading', { name: '验证不通过 E_WINNER' }).waitFor();
    expect(await page.locator('.level').allTextContents()).toEqual(['未证明']);
    expect(await seriousFindings(page)).toEqual([]);
    await page.screenshot({ path: join(SHOTS, `verify-bad-${label}.png`), fullPage: true });

    await page.getByRole('button', { name: '验证另一份' }).click();
    const bare = { ...vector('bundle-gala').bundle, draws: [] };
    await page.setInputFiles('input[type=file]', file('bare.json', bare));
    await page.getByText('4 次已揭晓的抽奖中，0 次附有证明').waitFor();
    await page.getByRole('heading', { name: '记录无误，中奖结果未全部验证' }).waitFor();
    expect(await page.locator('.verdict.good').count()).toBe(0);
    await page.screenshot({ path: join(SHOTS, `verify-part-${label}.png`), fullPage: true });
    expect(await seriousFindings(page)).toEqual([]);
    expect(await page.locator('.steps li.skip').count()).toBe(3);

    await page.getByRole('button', { name: '验证另一份' }).click();
    await page.setInputFiles('input[type=file]', file('other.json', { hello: 'world' }));
    await page.getByRole('heading', { name: '无法读取 E_SCHEMA' }).waitFor();
    const wide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
    expect(wide).toBe(false);
    expect(complaints).toEqual([]);
    await context.close();
  });

  it('fetches the proof of a meeting from its own server only', async () => {
    const { context, page, complaints } = await open(browser, LAPTOP, home);
    await page.goto(`${home}/verify`);
    await page.getByLabel('凭据地址、活动编号').fill('https://example.com/api/meetings/a/proof');
    await page.getByRole('button', { name: '验证' }).click();
    await page.getByText('出于安全').waitFor();
    await page.getByLabel('凭据地址、活动编号').fill('9NTE-JYRN-2PBK-CA09-3RFB-BRP0');
    await page.getByRole('button', { name: '验证' }).click();
    await page.getByText('这是凭据码').waitFor();
    await page.getByLabel('凭据地址、活动编号').fill(`${home}/m/gala`);
    await page.getByRole('button', { name: '验证' }).click();
    await page.getByRole('heading', { name: '验证通过' }).waitFor();
    expect(complaints).toEqual([]);
    await context.close();
  });

  it('proves what was pasted, and says so when a link names nothing', async () => {
    const { context, page, complaints } = await open(browser, LAPTOP, home);
    await page.goto(`${home}/verify#%`);
    await page.getByText('看不懂这个地址').waitFor();
    await page.getByLabel('凭据地址、活动编号').fill(JSON.stringify(vector('bundle-gala').bundle, null, 2));
    await page.getByRole('button', { name: '验证' }).click();
    await page.getByRole('heading', { name: '验证通过' }).waitFor();
    await page.getByText('来源：粘贴的凭据').waitFor();
    expect(complaints).toEqual([]);
    await context.close();
  });

  // The control page shows nothing without a server; the evening opens it under the server's own policy.
  it.each(['screen/gala', 'm/gala'])('/%s shows its title under the policy', async (path) => {
    const { context, page, complaints } = await open(browser, LAPTOP, home);
    await page.goto(`${home}/${path}`);
    await page.locator('h1').first().waitFor();
    expect(complaints.filter((text) => text.includes('Content Security Policy'))).toEqual([]);
    await context.close();
  });
});

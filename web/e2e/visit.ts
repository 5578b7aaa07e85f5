import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Locator, Page } from 'playwright-core';
import { expect, it, vi } from 'vitest';
import { LAPTOP, launch, open, PHONE, type Watched } from './browser';
import { Demo } from './demo';
import { seriousFindings } from './findings';

/** Where pictures go that people may look at after a run. */
export const SHOTS = join(import.meta.dirname, '../../test-results');
/** How long one step on a page may take: a browser that draws in software is slow. */
export const STEP_MS = 60_000;

/** Takes a picture of a page, which must not be wider than its window. */
export async function look(page: Page, name: string, fullPage = true): Promise<void> {
  await page.screenshot({ path: join(SHOTS, `${name}.png`), fullPage });
  expect(await page.evaluate(() => document.documentElement.scrollWidth > innerWidth), name).toBe(false);
}

/** The same, and axe finds nothing that keeps somebody from using it. */
export async function lookClosely(page: Page, name: string): Promise<void> {
  await look(page, name);
  expect(await seriousFindings(page), name).toEqual([]);
}

/** Before the log-in a page asks once who it is, and is refused. */
export const asksWho = (text: string): boolean => /\b401\b/.test(text) && /\/(api\/session|me)$/.test(text);

/** Tests that build on each other: what comes after one that failed could only repeat it. */
export function stages(timeout: number): (name: string, play: () => Promise<void>) => void {
  let broken = false;
  return (name, play) =>
    it(name, { timeout }, async ({ skip }) => {
      skip(broken, 'an earlier stage failed');
      broken = true;
      await play();
      broken = false;
    });
}

/** Presses the big button until its words change: a press right after a change is taken for a double click. */
export async function press(page: Page, words: string | RegExp): Promise<void> {
  const big = page.locator('button.big').filter({ hasText: words });
  await big.waitFor();
  await vi.waitFor(
    async () => {
      if ((await big.count()) > 0 && (await big.isEnabled())) await big.click();
      expect(await big.count()).toBe(0);
    },
    { timeout: STEP_MS, interval: 200 },
  );
}

interface StartOptions {
  /** More for the demo's environment. */
  env?: Record<string, string>;
  stepMs?: number;
}

interface FollowOptions {
  address?: string;
  meanwhile?: () => Promise<void>;
}

/** A demo of its own with a browser, and what people do there in every test. */
export class Visit {
  private readonly all: Watched[] = [];

  private constructor(
    private readonly name: string,
    private readonly stepMs: number,
    readonly demo: Demo,
    private readonly browser: Browser,
  ) {}

  /** Starts both; its pictures are called after `name`. */
  static async start(name: string, { env = {}, stepMs = STEP_MS }: StartOptions = {}): Promise<Visit> {
    mkdirSync(SHOTS, { recursive: true });
    const browser = await launch();
    try {
      return new Visit(name, stepMs, await Demo.start(env), browser);
    } catch (error) {
      await browser.close();
      throw error;
    }
  }

  async stop(): Promise<void> {
    await this.browser.close();
    await this.demo.stop();
  }

  /** A page with cookies of its own. `also` = origins besides the demo's that it may talk to. */
  async fresh(size: typeof PHONE, ...also: string[]): Promise<Watched> {
    const watched = await open(this.browser, size, this.demo.at.base, ...also);
    watched.page.setDefaultTimeout(this.stepMs);
    this.all.push(watched);
    return watched;
  }

  /** An attendee's phone: on its way in it comes past the page that stands in for WeChat's log-in. */
  phone(): Promise<Watched> {
    return this.fresh(PHONE, this.demo.sandboxOrigin);
  }

  /** What any page has complained of so far and was not `allowed` to. */
  complaints(allowed: (text: string) => boolean): string[] {
    return this.all.flatMap(({ complaints }) => complaints.filter((text) => !allowed(text)));
  }

  look(page: Page, name: string, fullPage = true): Promise<void> {
    return look(page, `${this.name}-${name}`, fullPage);
  }

  lookClosely(page: Page, name: string): Promise<void> {
    return lookClosely(page, `${this.name}-${name}`);
  }

  /** Fills in the log-in of the control page, and does not send it. */
  async typeLogIn(page: Page, { user, password }: { user: string; password: string }): Promise<void> {
    await page.goto(this.demo.at.pages.control);
    await page.getByLabel('用户名').fill(user);
    await page.getByLabel('密码', { exact: true }).fill(password);
  }

  /** Logs in; ends at the list of meetings. */
  async signIn(page: Page, role: string): Promise<void> {
    await this.typeLogIn(page, this.demo.staff(role));
    await page.getByRole('button', { name: '登录', exact: true }).click();
    await page.getByRole('heading', { name: '活动' }).waitFor();
  }

  /** Logs in; ends in the demo's meeting. */
  async openMeeting(page: Page, role: string): Promise<void> {
    await this.signIn(page, role);
    await page.getByRole('link', { name: '2026 年会（示例）' }).click();
    await page.getByRole('navigation').getByRole('link').first().waitFor();
  }

  /** A laptop of its own in the demo's meeting. */
  async logIn(role: string): Promise<Watched> {
    const watched = await this.fresh(LAPTOP);
    await this.openMeeting(watched.page, role);
    return watched;
  }

  /** To the page that stands in for WeChat's log-in. */
  private async authorize(page: Page, address: string): Promise<void> {
    await page.goto(address);
    await page.waitForURL(/\/connect\/oauth2\/authorize/);
  }

  /** There: the button of somebody whom the sandbox knows, and what the account calls them. */
  private async owner(page: Page, wechat: string): Promise<{ mine: Locator; openid: string }> {
    const mine = page.getByRole('button', { name: wechat });
    return { mine, openid: (await mine.getAttribute('value')) ?? '' };
  }

  /** Forms differ in what they ask for; on each there is something to agree to. */
  private async form(page: Page): Promise<void> {
    await page.getByRole('checkbox').waitFor();
  }

  /**
   * From an address to the form, as somebody whom the account does not know yet;
   * `meanwhile` the page asks to follow the account.
   */
  async follow(
    page: Page,
    wechat: string,
    { address = this.demo.at.pages.attendee, meanwhile }: FollowOptions = {},
  ): Promise<void> {
    await this.authorize(page, address);
    const { mine, openid } = await this.owner(page, wechat);
    await mine.click();
    await page.getByText('先关注公众号').waitFor();
    await meanwhile?.();
    await this.demo.sandbox('/callbacks', { openid, event: 'subscribe' });
    await this.form(page);
  }

  /** To the form, as somebody who follows the account already. */
  async comeAsFollower(page: Page, wechat: string): Promise<void> {
    await this.authorize(page, this.demo.at.pages.attendee);
    const { mine, openid } = await this.owner(page, wechat);
    await this.demo.sandbox('/callbacks', { openid, event: 'subscribe' });
    await mine.click();
    await this.form(page);
  }

  /** To the form, as somebody whom the sandbox makes up on the spot: they follow from the start. */
  async comeAsNewcomer(page: Page, name: string): Promise<void> {
    await this.authorize(page, this.demo.at.pages.attendee);
    await page.getByPlaceholder('姓名').fill(name);
    await page.getByRole('button', { name: '新建并继续' }).click();
    await this.form(page);
  }

  /** Agrees, has a code sent to the phone and fills it in, and does not send it. */
  async typeCode(page: Page, mobile: string): Promise<void> {
    await page.getByLabel('手机号', { exact: true }).fill(mobile);
    await page.getByRole('checkbox').check();
    await page.getByRole('button', { name: '获取验证码' }).click();
    await page.getByLabel('短信验证码').fill(await this.demo.code(mobile));
  }

  /** From the form to the pool. */
  async bind(page: Page, mobile: string): Promise<void> {
    await this.typeCode(page, mobile);
    await page.getByRole('button', { name: '确认签到' }).click();
    await page.getByText('您已入池').waitFor();
  }

  /** People whom the sandbox plays, from the beginning of the roster: they come in, and tap in every draw. */
  async crowd(count: number, meeting = this.demo.at.meeting): Promise<void> {
    const { base } = this.demo.at;
    await this.demo.sandbox('/crowd', { base, meeting, count, bind: true, tap: true, sockets: true });
    const come = async (): Promise<unknown> => {
      const { bound, failed, last_error } = await this.demo.sandbox<Record<string, unknown>>('/crowd');
      return { bound, failed, last_error };
    };
    const all = { bound: count, failed: 0, last_error: '' };
    await expect.poll(come, { timeout: 120_000, interval: 500 }).toEqual(all);
  }
}

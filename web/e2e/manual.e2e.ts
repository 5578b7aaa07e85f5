import { join } from 'node:path';
import type { Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { HALL, LAPTOP, PHONE, type Watched } from './browser';
import { CROWD, DATA, MINE, phoneOf, TYPED } from './cast';
import { press as pressOn, STEP_MS, stages, Visit } from './visit';
import { Watcher } from './watcher';
import { type Lang, wordsOf } from './words';

const EVENING_MS = 480_000;
describe.each(['zh', 'en'] as const)('a host’s first evening, in %s', (lang: Lang) => {
  const say = wordsOf(lang);
  const typed = TYPED[lang];
  const names = typed.people.slice(0, CROWD);
  const watcher = new Watcher(lang, DATA);
  let visit: Visit;
  let control: Watched;
  let screen: Watched;
  let phone: Watched;
  let meeting = '';

  const stage = stages(EVENING_MS);

  beforeAll(async () => {
    visit = await Visit.start('manual');
  }, EVENING_MS);

  afterAll(() => visit?.stop());

  async function fresh(size: typeof HALL, ...also: string[]): Promise<Watched> {
    const watched = await visit.fresh(size, ...also);
    await watched.context.addInitScript((lang) => localStorage.setItem('kaijiang.lang', lang), lang);
    return watched;
  }

  const look = (page: Page, name: string): Promise<void> => watcher.look(page, name, page !== screen?.page);
  const reach = (page: Page, name: string): Promise<void> => watcher.reach(page, name);

  /** The same as `look`, and it is a picture of the manual. */
  async function show(page: Page, name: string, at?: Locator): Promise<void> {
    await look(page, name);
    await watcher.album.take(page, name, at);
  }

  const button = (page: Page, name: string): Locator => page.getByRole('button', { name, exact: true });
  const dialog = (): Locator => control.page.getByRole('dialog');
  const tab = (name: string): Promise<void> =>
    control.page
      .locator('nav.tabs')
      .getByRole('link', { name: say.control(`meeting.tabs.${name}`), exact: true })
      .click();

  async function save(): Promise<void> {
    await button(control.page, say.control('form.save')).click();
    await dialog().waitFor({ state: 'hidden' });
  }

  const press = (words: string): Promise<void> => pressOn(control.page, words);

  /** The fixed words of a button before or after what it tells: `Everybody is here ({count})`. */
  const start = (path: string): string => say.control(path).split('{')[0]?.trim() ?? '';

  async function logIn(): Promise<void> {
    control = await fresh(LAPTOP);
    const { page } = control;
    const { user, password } = visit.demo.staff('owner');
    await page.goto(visit.demo.at.pages.control);
    await page.getByLabel(say.control('login.user')).fill('somebody');
    await page.getByLabel(say.control('login.password')).fill('a wrong password');
    await button(page, say.control('login.submit')).click();
    await page.getByRole('alert').waitFor();
    await look(page, 'login-refused');
    await reach(page, 'login-refused');
    await page.getByLabel(say.control('login.user')).fill(user);
    await page.getByLabel(say.control('login.password')).fill(password);
    await button(page, say.control('login.submit')).click();
    await button(page, say.control('meetings.create')).click();
    await page.getByLabel(say.control('meetings.name')).fill(typed.meeting);
    await show(page, 'meeting');
    await dialog()
      .getByRole('button', { name: say.control('meetings.create') })
      .click();
    await page.getByRole('heading', { name: typed.meeting }).waitFor();
    meeting = /#\/m\/([^/]+)/.exec(page.url())?.[1] ?? '';
    await look(page, 'run-empty');
  }

  async function bringPeople(): Promise<void> {
    const { page } = control;
    await tab('people');
    const rows = names.map((name, i) => `${name},${phoneOf(i + 1)},${typed.department}`);
    const wrong = `${typed.people[CROWD]},1380013800,${typed.department}`;
    const text = [typed.heads, ...rows, `${typed.mine},${MINE},${typed.department}`, wrong].join('\n');
    const file = { name: typed.roster, mimeType: 'text/csv', buffer: Buffer.from(text) };
    await page.setInputFiles('input[accept*=".csv"]', file);
    await page.getByRole('button', { name: start('imports.acceptSkip') }).waitFor();
    await show(page, 'import');
    await page.getByRole('button', { name: start('imports.acceptSkip') }).click();
    await page.getByRole('cell', { name: typed.mine }).waitFor();
    await look(page, 'people');
  }

  async function makePrize(): Promise<void> {
    const { page } = control;
    await tab('prizes');
    await look(page, 'prizes-empty');
    await button(page, say.control('prize.add')).click();
    await page.getByLabel(say.control('prize.name')).fill(typed.prize);
    await dialog()
      .getByRole('combobox')
      .selectOption({ label: say.control('prize.kinds.both') });
    await page.getByPlaceholder(say.control('prize.goodsPlaceholder')).fill(typed.goods);
    await show(page, 'prize');
    await save();
    await button(page, say.control('round.add')).click();
    await dialog()
      .getByRole('combobox', { name: say.control('round.prize'), exact: true })
      .selectOption({ label: typed.prize });
    await dialog().getByLabel(say.control('round.seats')).fill('3');
    const award = dialog().getByRole('combobox', { name: say.control('round.award'), exact: true });
    await award.selectOption({ label: say.control('round.modes.fixed') });
    await dialog().getByLabel(say.control('round.fen')).fill('66.66');
    await show(page, 'round');
    await save();
    await page.getByRole('cell', { name: typed.prize, exact: true }).first().waitFor();
    await look(page, 'prizes');
  }

  async function approveBudget(): Promise<void> {
    const { page } = control;
    await tab('money');
    await button(page, say.control('budget.add')).click();
    await page.getByLabel(say.control('budget.name')).fill(typed.budget);
    await page.getByLabel(say.control('budget.cap')).fill('1000');
    await show(page, 'budget');
    await save();
    await button(page, say.control('budget.approve')).click();
    await look(page, 'budget-approve');
    await dialog()
      .getByRole('button', { name: say.control('budget.approve') })
      .click();
    await button(page, say.control('budget.withdraw')).waitFor();
    await look(page, 'money-empty');
  }

  async function pair(): Promise<void> {
    const { page } = control;
    await tab('run');
    await button(page, say.control('screen.pair')).click();
    const digits = page.locator('.digits');
    await digits.waitFor();
    await show(page, 'pairing');
    screen = await fresh(HALL);
    await screen.page.goto(`${visit.demo.at.base}/screen/${meeting}`);
    await screen.page.getByPlaceholder('0000 0000').fill('1234 5678');
    await button(screen.page, say.screen('pair.go')).click();
    await screen.page.getByRole('alert').waitFor();
    await look(screen.page, 'screen-pairing');
    await reach(screen.page, 'screen-pairing');
    await screen.page.getByPlaceholder('0000 0000').fill((await digits.textContent()) ?? '');
    await button(screen.page, say.screen('pair.go')).click();
    await screen.page.getByText(say.screen('lobby.scan')).waitFor();
    await look(screen.page, 'screen-lobby-empty');
    await dialog()
      .getByRole('button', { name: say.control('form.close') })
      .last()
      .click();
    await dialog().waitFor({ state: 'hidden' });
  }

  /** From the stand-in for WeChat's log-in to the pool, with one wrong code on the way. */
  async function bind(): Promise<void> {
    phone = await fresh(PHONE, visit.demo.sandboxOrigin);
    const { page } = phone;
    await page.goto(`${visit.demo.at.sandbox}?lang=${lang}`);
    await page.goto(`${visit.demo.at.base}/m/${meeting}`);
    const mine = page.getByRole('button', { name: MINE });
    const openid = (await mine.getAttribute('value')) ?? '';
    await mine.click();
    await page.getByText(say.attendee('follow.title')).waitFor();
    await look(page, 'phone-follow');
    await reach(page, 'phone-follow');
    await visit.demo.sandbox('/callbacks', { openid, event: 'subscribe' });
    await page.getByLabel(say.attendee('bind.phone'), { exact: true }).fill(MINE);
    await page.getByRole('checkbox').check();
    await button(page, say.attendee('bind.send')).click();
    const code = page.getByLabel(say.attendee('bind.code'));
    const right = await visit.demo.code(MINE);
    // The picture is of what everybody sees; the wrong code comes after it.
    await code.fill(right);
    await watcher.album.take(page, 'phone-bind');
    await code.fill(right === '000000' ? '111111' : '000000');
    await button(page, say.attendee('bind.go')).click();
    await page.getByRole('alert').waitFor();
    await look(page, 'phone-wrong-code');
    await reach(page, 'phone-wrong-code');
    await code.fill(right);
    await button(page, say.attendee('bind.go')).click();
    await page.getByText(say.attendee('in.title'), { exact: true }).waitFor();
    await look(page, 'phone-in');
  }

  async function gather(): Promise<void> {
    await visit.crowd(CROWD, meeting);
    await screen.page
      .getByText(names[0] ?? '')
      .first()
      .waitFor();
    await show(screen.page, 'screen-lobby');
  }

  async function draw(): Promise<void> {
    const { page } = control;
    await press(say.control('step.show.button', { round: typed.prize }));
    await screen.page.getByText(say.screen('ready.next')).waitFor();
    await look(screen.page, 'screen-ready');
    await page
      .locator('button.big')
      .filter({ hasText: say.control('step.commit.button') })
      .waitFor();
    await show(page, 'ready');
    await press(say.control('step.commit.button'));
    await screen.page.getByText(say.screen('random.photo')).waitFor();
    await look(page, 'sealed');
    await phone.page.getByRole('button', { name: say.attendee('draw.tap') }).click();
    await phone.page.getByText(say.attendee('draw.tapped')).waitFor();
    await phone.page.getByText(say.attendee('draw.checking')).waitFor({ state: 'detached' });
    await show(phone.page, 'phone-tap');
    await show(screen.page, 'screen-sealed');
    await press(say.control('step.taps.button'));
    await page.getByLabel(say.control('dice.box', { n: 1 }), { exact: true }).click();
    await page.keyboard.type('402817365920');
    await page.getByText(say.control('dice.filled', { n: 12, count: 12 })).waitFor();
    await show(page, 'dice');
    await press(say.control('step.dice.button', { count: 12 }));
    await press(say.control('step.reveal.button'));
    await screen.page.locator('section.winners').getByText(say.screen('winners.title')).waitFor();
    await page.locator('.check.good').waitFor();
    await show(screen.page, 'screen-winners');
    await show(page, 'winners');
    await look(phone.page, 'phone-result');
    await press(start('step.seats.button'));
    const opened = page.locator('.seat .tag').filter({ hasText: say.control('packet.received') });
    await expect.poll(() => opened.count(), { timeout: STEP_MS }).toBe(3);
    await look(page, 'paid');
    await look(screen.page, 'screen-paid');
  }

  /** The phone of somebody who won: what it says, and the code that fetches the goods. */
  async function winnersPhone(): Promise<string> {
    const winner = ((await control.page.locator('.seat .who strong').first().textContent()) ?? '').trim();
    const place = names.indexOf(winner);
    let { page } = phone;
    if (place >= 0) {
      ({ page } = await fresh(PHONE, visit.demo.sandboxOrigin));
      await page.goto(`${visit.demo.at.sandbox}?lang=${lang}`);
      await page.goto(`${visit.demo.at.base}/m/${meeting}`);
      await page.getByRole('button', { name: phoneOf(place + 1) }).click();
    }
    const claim = page.locator('.wins .claim strong');
    await claim.waitFor();
    await page.locator('.wins .packet.received').waitFor();
    await show(page, 'phone-won', claim);
    return ((await claim.textContent()) ?? '').trim();
  }

  async function handOut(code: string): Promise<void> {
    const { page } = control;
    await tab('goods');
    await page.getByLabel(say.control('goods.code')).fill('NONESUCH');
    await button(page, say.control('goods.look')).click();
    await page.locator('.el-message').waitFor();
    await look(page, 'hand-out-refused');
    await page.getByLabel(say.control('goods.code')).fill(code);
    await button(page, say.control('goods.look')).click();
    await button(page, say.control('goods.hand')).waitFor();
    await page.locator('.el-message').waitFor({ state: 'hidden' });
    await show(page, 'goods');
    await button(page, say.control('goods.hand')).click();
    await page.locator('.claim .verdict[role=status]').waitFor();
    await look(page, 'handed-out');
    await tab('money');
    await page
      .getByRole('button', { name: start('packets.open') })
      .first()
      .waitFor();
    await show(page, 'money');
    await page
      .getByRole('button', { name: start('packets.open') })
      .first()
      .click();
    await dialog().waitFor();
    await look(page, 'packet');
    await page.keyboard.press('Escape');
    await dialog().waitFor({ state: 'hidden' });
    for (const section of ['awards', 'books']) {
      await button(page, say.control(`money.sections.${section}`)).click();
      await settled(page);
      await look(page, `money-${section}`);
    }
  }

  async function prove(): Promise<void> {
    const { page } = control;
    await tab('proof');
    await page.getByText(say.control('proof.downloadJson')).waitFor();
    await show(page, 'proof');
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      button(page, say.control('proof.downloadJson')).click(),
    ]);
    const proof = join(visit.demo.folder, `proof-${lang}.json`);
    await download.saveAs(proof);
    const verify = await fresh(LAPTOP);
    await verify.page.goto(visit.demo.at.pages.verify);
    await look(verify.page, 'verify-empty');
    await verify.page.locator('#proof-file').setInputFiles(proof);
    await verify.page.locator('.verdict.good').waitFor();
    await show(verify.page, 'verify');
    await reach(verify.page, 'verify');
    await verify.context.close();
  }

  /** Nothing is being fetched any more. */
  async function settled(page: Page): Promise<void> {
    await page.waitForLoadState('networkidle');
    await page.getByText(say.common('loading')).waitFor({ state: 'hidden' });
  }

  /** Every page that the control page leads to, on a laptop and on a phone. */
  async function everyPage(): Promise<void> {
    const { page } = control;
    const panels = await page
      .locator('nav.tabs a')
      .evaluateAll((all) => all.map((one) => one.getAttribute('href') ?? ''));
    expect(panels.length).toBeGreaterThan(6);
    const pages = [...panels, '#/', '#/staff', '#/trail', '#/account', '#/checks'];
    for (const size of [LAPTOP, PHONE]) {
      await page.setViewportSize(size);
      for (const path of pages) {
        // From nothing: a page that is still the one before would be looked at twice.
        await page.goto('about:blank');
        await page.goto(`${visit.demo.at.base}/control${path}`);
        await settled(page);
        const name = path.split('/').at(-1) || 'meetings';
        await look(page, `page-${name}-${size.width}`);
        if (path === '#/account') await reach(page, 'account');
      }
    }
  }

  stage('people, prizes, budget and screen are ready', async () => {
    await logIn();
    await bringPeople();
    await makePrize();
    await approveBudget();
    await pair();
  });

  stage('people come in, and three of them win', async () => {
    await bind();
    await gather();
    await draw();
  });

  stage('goods are handed out, money is paid, the proof is kept', async () => {
    await handOut(await winnersPhone());
    await prove();
  });

  stage('every page speaks one language', everyPage);

  stage('the stand-in speaks it too', async () => {
    const { page } = await fresh(LAPTOP, visit.demo.sandboxOrigin);
    await page.goto(`${visit.demo.at.sandbox}?lang=${lang}`);
    // Names of made-up people and what was sent to them is data.
    await page.evaluate(() => {
      for (const cell of document.querySelectorAll('td')) cell.remove();
    });
    await look(page, 'sandbox');
  });

  stage('nothing on the way was foreign, too wide or out of reach', async () => {
    expect(watcher.faults).toEqual([]);
  });

  stage('the manual shows all of it', async () => watcher.album.check());
});

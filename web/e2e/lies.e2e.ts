import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, vi } from 'vitest';
import type { DrawView, Message, SeatView } from '../src/shared/state';
import type { Wire } from '../src/wire';
import { LiedTo, rewound } from './liar';
import { SHOTS, stages, Visit } from './visit';

const STAGE_MS = 240_000;
const SEEN_MS = 60_000;
const CROWD = 3;
const DIGITS = [4, 0, 2, 8, 1, 7, 3, 6, 5, 9, 2, 0];

/** People at the end of the demo's roster; the sandbox's crowd takes those at its beginning. */
const mobile = (i: number): string => String(19_900_000_300 - i);

/** The same lie in every message that shows draws. */
function toldDraws(alter: (draw: DrawView) => DrawView): (message: Message) => Message {
  return (message) => {
    if (message.type === 'snapshot')
      return { ...message, data: { ...message.data, draws: message.data.draws.map(alter) } };
    if (message.type === 'draw')
      return { ...message, data: { ...message.data, draw: alter(message.data.draw) } };
    return message;
  };
}

const who = ({ pid, no, name }: SeatView) => ({ pid, no, name });

describe('a server that lies to one phone', () => {
  let visit: Visit;
  const stage = stages(STAGE_MS);

  beforeAll(async () => {
    visit = await Visit.start('lie');
    const { demo } = visit;
    await demo.sandbox('/crowd', { base: demo.at.base, meeting: demo.at.meeting, count: CROWD, tap: false });
    const bound = async (): Promise<void> =>
      expect((await demo.sandbox<{ bound: number }>('/crowd')).bound).toBe(CROWD);
    await vi.waitFor(bound, { timeout: SEEN_MS, interval: 200 });
  }, STAGE_MS);

  afterAll(() => visit?.stop());

  let people = 0;
  async function enter(): Promise<LiedTo> {
    people += 1;
    const phone = await LiedTo.open(visit);
    await phone.logIn(mobile(people));
    await phone.bind(mobile(people));
    return phone;
  }

  const place = async (phone: LiedTo): Promise<Wire['MyPlace']> =>
    phone.page.evaluate(
      (key) => JSON.parse(localStorage.getItem(key) ?? '{}').place,
      `kaijiang.me.${visit.demo.at.meeting}`,
    );

  async function commit(name: string, seats: number): Promise<number> {
    const prize = await visit.demo.call<{ id: string }>('host', 'POST /prizes', {
      name,
      kind: 'goods',
      goods: name,
    });
    const round = await visit.demo.call<{ id: string }>('host', 'POST /rounds', {
      prize_id: prize.id,
      seats,
      exclude: 'none',
    });
    const { draw } = await visit.demo.call<Wire['Committed']>('host', `POST /rounds/${round.id}/commit`);
    return draw;
  }

  async function close(draw: number, i: number, value?: unknown): Promise<void> {
    // The commit has to be shown for a while first.
    const closed = (): Promise<unknown> =>
      visit.demo.call('host', `POST /draws/${draw}/entropy`, { i, ...(value ? { value } : {}) }).then(
        () => '',
        (error: unknown) => String(error),
      );
    await expect.poll(closed, { timeout: SEEN_MS, interval: 500 }).toBe('');
  }

  async function reveal(draw: number): Promise<void> {
    await close(draw, 1, { rolls: DIGITS });
    await visit.demo.call('host', `POST /draws/${draw}/result`);
  }

  /** The alarm stands above all else, with its code, why, and what to do; it fits the phone. */
  async function alarmed({ page }: LiedTo, code: string, why: string, shot: string): Promise<void> {
    const alarm = page.getByRole('alert').filter({ hasText: '核对不通过' }).first();
    await alarm.locator('.one').filter({ hasText: code }).filter({ hasText: why }).waitFor();
    await alarm.getByText('告诉主持人').waitFor();
    await alarm.getByRole('button', { name: '保存我的全部凭证' }).waitFor();
    await page.screenshot({ path: join(SHOTS, `lie-${shot}.png`) });
    await visit.look(page, `${shot}-full`);
    const box = await alarm.boundingBox();
    expect(box?.y).toBeLessThan(120);
  }

  stage('is found out before the result: a forged path, a tap that was dropped or exchanged', async () => {
    const [honest, forged, dropped, exchanged] = [await enter(), await enter(), await enter(), await enter()];
    forged.lies.answer = (call, body) => {
      if (!call.startsWith('GET /me/proof/')) return body;
      const path = structuredClone(body.path) as { h: string; s: number }[];
      const first = path[0];
      if (first !== undefined) first.h = `${first.h.startsWith('0') ? '1' : '0'}${first.h.slice(1)}`;
      return { ...body, path };
    };
    await dropped.page.route('**/me/tap', (route) => route.fulfill({ json: { draw: 1, m: 1 } }));
    exchanged.lies.request = (call, body) =>
      call === 'POST /me/tap' ? { ...body, r: 'ab'.repeat(32) } : body;

    const draw = await commit('阳光普照', CROWD + 4);
    await alarmed(forged, 'E_ME_PROOF', '席位可能被换掉', 'path');
    for (const phone of [honest, dropped, exchanged]) {
      await phone.page.getByRole('button', { name: '点一下' }).click();
      await phone.page.getByText('已加入您的随机数').waitFor();
    }
    await close(draw, 0);
    await alarmed(dropped, 'E_TAPS', '没有原样计入', 'tap-dropped');
    await alarmed(exchanged, 'E_TAPS', '没有原样计入', 'tap-exchanged');
    await honest.page.getByText('本机已核对：您的点击计入了随机数').waitFor();
    await reveal(draw);
    for (const phone of [honest, forged, dropped, exchanged])
      await phone.page.locator('section.draw .big').getByText('恭喜中奖').waitFor();
    await honest.page.locator('section.draw .proof.good').getByText('已在本机验证').waitFor();
    expect(await honest.page.locator('.alarm').count()).toBe(0);
    for (const phone of [honest, forged, dropped, exchanged]) await phone.page.context().close();
  });

  stage('is found out by the result: a win kept back, two winners exchanged, a line rewritten', async () => {
    const [honest, denied, swapped, rewritten] = [await enter(), await enter(), await enter(), await enter()];
    const [mine, own] = [await place(denied), await place(swapped)];
    denied.lies.message = toldDraws((draw) => ({
      ...draw,
      winners: draw.winners.map((seat) =>
        seat.pid === mine.pid ? { ...seat, pid: 'cd'.repeat(32), no: 1, name: '别人' } : seat,
      ),
    }));
    swapped.lies.message = toldDraws((draw) => {
      // Two others: a win of its own that is told otherwise is another alarm.
      const [first, last] = draw.winners.filter((seat) => seat.pid !== own.pid);
      if (first === undefined || last === undefined) return draw;
      const winners = draw.winners.map((seat) => {
        if (seat === first) return { ...seat, ...who(last) };
        return seat === last ? { ...seat, ...who(first) } : seat;
      });
      return { ...draw, winners };
    });
    rewritten.lies.answer = (call, body) => {
      if (!/^GET \/draws\/\d+\/proof$/.test(call)) return body;
      const log = (body.log as string[]).map((line, i) =>
        i === 2 ? line.replace('"ts":1', '"ts":2') : line,
      );
      return { ...body, log };
    };
    // Everybody wins, so that there is a win to be kept back.
    const draw = await commit('人人有份', CROWD + 8);
    await close(draw, 0);
    await reveal(draw);
    await alarmed(denied, 'E_WINNER', '以凭据为准', 'win-denied');
    // What the phone proved by itself is what it says.
    await denied.page.locator('section.draw .result .big').getByText('恭喜中奖').waitFor();
    await alarmed(swapped, 'E_WINNER', '不是凭据里的那一份', 'winners-swapped');
    await alarmed(rewritten, 'E_HEAD', '记录', 'line-rewritten');
    await rewritten.page.locator('section.draw .proof.bad').getByText('E_HEAD').waitFor();
    await honest.page.locator('section.draw .proof.good').getByText('已在本机验证').waitFor();
    expect(await honest.page.locator('.alarm').count()).toBe(0);
    for (const phone of [honest, denied, swapped, rewritten]) await phone.page.context().close();
  });

  stage('is found out by the receipt: history written anew, somebody dropped, somebody moved', async () => {
    const witness = await enter();
    const [dropped, moved] = [await LiedTo.open(visit), await LiedTo.open(visit)];
    const [first, second, third] = [mobile(people + 1), mobile(people + 2), mobile(people + 3)];
    await dropped.logIn(first);
    await moved.logIn(second);
    await rewound(visit.demo, 'before', 'keep');

    await dropped.bind(first);
    await moved.bind(second);
    const [lost, mine] = [await place(dropped), await place(moved)];
    expect(mine.index).toBe(lost.index + 1);
    const asItWas = await dropped.page.evaluate(
      async (url): Promise<Wire['Me']> => (await fetch(url)).json(),
      `/api/meetings/${visit.demo.at.meeting}/me`,
    );
    await dropped.page.goto('about:blank');
    await moved.page.goto('about:blank');
    await commit('第一份历史', 1);
    await witness.page.getByText('第一份历史').first().waitFor();

    // The same server, the same key, and signatures that are all real.
    await rewound(visit.demo, 'before', 'restore');
    await alarmed(witness, 'E_SHORT', '记录变短了', 'history-short');
    // It goes on telling the one that it has dropped that all is well.
    dropped.lies.answer = (call, body) => (call === 'GET /me' ? asItWas : body);
    dropped.lies.message = (message) => (message.type === 'me' ? { ...message, data: asItWas } : message);
    await dropped.page.goto(visit.demo.at.pages.attendee);
    await moved.page.goto(visit.demo.at.pages.attendee);
    await moved.bind(second);
    expect((await place(moved)).index).toBe(mine.index);
    await alarmed(moved, 'E_IDENT', '与收据上的不一致', 'index-moved');
    const other = await LiedTo.open(visit);
    await other.logIn(third);
    await other.bind(third);

    const draw = await commit('第二份历史', 2);
    await alarmed(witness, 'E_FORK', '记录被改写过', 'history-forked');
    await alarmed(dropped, 'E_ME_PROOF', '席位可能被换掉', 'dropped-no-path');
    await close(draw, 0);
    await reveal(draw);
    await alarmed(dropped, 'E_DROPPED', '名单里却没有您', 'dropped');
    await dropped.page.locator('section.draw .proof.bad').getByText('E_DROPPED').waitFor();
    await witness.page.locator('section.draw .proof.bad').getByText('E_FORK').waitFor();
    await other.page.locator('section.draw .proof.good').getByText('已在本机验证').waitFor();
  });
});

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page, WebSocketRoute } from 'playwright-core';
import type { Message } from '../src/shared/state';
import { logCode, toHex, utf8 } from '../src/shared/verifier/bytes';
import { headsOf } from '../src/shared/verifier/walk';
import type { Wire } from '../src/wire';

/** The server's clock in all mocks: 2026-11-26 20:00:00 in China. */
export const NOW = Date.UTC(2026, 10, 26, 12, 0, 0);
export const MEETING = 'gala';

const LONG = [
  '欧阳娜娜',
  '阿卜杜勒·热合曼·买买提江·伊敏',
  'Maximiliana Featherstonehaugh-Wolfeschlegelsteinhausen',
  '李',
  '古丽娜扎尔·拜合提亚尔',
  'Nguyễn Thị Minh Khai',
  '井上十兵衛三厳',
];
const FAMILY = '王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗';
const GIVEN = [
  '伟',
  '芳',
  '秀英',
  '敏',
  '静',
  '丽',
  '强',
  '磊',
  '军',
  '洋',
  '勇',
  '艳',
  '杰',
  '娟',
  '涛',
  '明',
  '超',
  '秀兰',
];
const DEPARTMENTS = ['研发中心', '市场部', '财务部', '华东大区', '客户成功与交付运营管理中心', 'Legal'];

function hex(text: string, length: number): string {
  let state = 7;
  let out = '';
  for (const char of text) state = (state * 31 + (char.codePointAt(0) ?? 0)) % 2147483647;
  while (out.length < length) {
    state = (state * 48271) % 2147483647;
    out += state.toString(16).padStart(8, '0');
  }
  return out.slice(0, length);
}

function pick<T>(list: readonly T[], at: number): T {
  return list[at % list.length] as T;
}

/** Person number `no`; every seventh has one of the difficult names. */
export function person(no: number): Wire['PersonCard'] {
  const plain = `${FAMILY[no % FAMILY.length] ?? ''}${pick(GIVEN, no * 7)}`;
  const name = no % 7 === 2 ? pick(LONG, Math.floor(no / 7)) : plain;
  return { no, name, department: pick(DEPARTMENTS, no * 3) };
}

export function seat(rank: number, over: Partial<Wire['SeatView']> = {}): Wire['SeatView'] {
  const { no, name, department } = person(rank * 13 + 2);
  return {
    rank,
    no,
    pid: hex(`pid${no}`, 64),
    name,
    department,
    weight: 1,
    amount_fen: 18_800,
    status: 'waiting',
    replaced_by: null,
    packet: null,
    ...over,
  };
}

export function seats(count: number, over: Partial<Wire['SeatView']> = {}): Wire['SeatView'][] {
  return Array.from({ length: count }, (_, i) => seat(i + 1, over));
}

export const SOURCES: Wire['Source'][] = [{ s: 'audience' }, { s: 'dice', sides: 10, count: 12 }];
const CODE = '9NTE-JYRN-2PBK-CA09-3RFB-BRP0';

export function draw(over: Partial<Wire['DrawView']> = {}): Wire['DrawView'] {
  return {
    draw: 1,
    round_id: 'r1',
    kind: 'main',
    parent: 0,
    prize: '一等奖',
    goods: '',
    state: 'committed',
    k: over.winners?.length ?? 3,
    pool: { n: 286, tickets: 9000, eligible: 283, max: 40, root: hex('root', 64) },
    sources: SOURCES,
    values: [],
    taps: 0,
    commit_seq: 1,
    commit_head: hex('head', 64),
    commit_code: CODE,
    committed_at: NOW - 20_000,
    randomness_at: NOW - 10_000,
    revealed_at: null,
    level: 'A2',
    seed: null,
    void_reason: '',
    winners: [],
    ...over,
  };
}

/** A draw whose names stopped rolling a while ago. */
export function revealed(over: Partial<Wire['DrawView']> = {}): Wire['DrawView'] {
  return draw({
    state: 'revealed',
    revealed_at: NOW - 6_000,
    values: [{ m: 214, root: hex('taps', 64) }, { rolls: [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8] }],
    ...over,
  });
}

export function round(over: Partial<Wire['RoundView']> = {}): Wire['RoundView'] {
  return {
    id: 'r1',
    prize_id: 'p1',
    name: '一等奖',
    seats: 3,
    exclude: 'event',
    group: '',
    eligible: { departments: [], groups: [] },
    award: { mode: 'fixed', fen: 18_800 },
    cost_fen: 56_400,
    sources: SOURCES,
    confirm: 'host',
    ord: 0,
    status: 'ready',
    draw: null,
    version: 1,
    ...over,
  };
}

export function checkpoint(size: number, event = hex('event', 32)): Wire['Checkpoint'] {
  return { event, size, head: hex(`log${size}`, 64), sig: hex(`sig${size}`, 128) };
}

export function meeting(over: Partial<Wire['MeetingView']> = {}): Wire['MeetingView'] {
  return {
    id: MEETING,
    name: '星河集团 2026 年度盛典',
    rehearsal: false,
    status: 'open',
    event: hex('event', 32),
    key: hex('key', 64),
    settings: {},
    created_at: NOW - 86_400_000,
    version: 1,
    ...over,
  } as Wire['MeetingView'];
}

export function snapshot(over: Partial<Wire['Snapshot']> = {}): Wire['Snapshot'] {
  return {
    meeting: meeting(),
    prizes: [
      { id: 'p1', name: '一等奖', code: 'p1', kind: 'cash', goods: '', ord: 0, version: 1 },
      { id: 'p2', name: '阳光普照奖', code: 'p2', kind: 'goods', goods: '定制保温杯', ord: 1, version: 1 },
    ],
    rounds: [round()],
    draws: [],
    log: checkpoint(1),
    code: 'Q7XK-2M0D-W9RT-5HBE-TZ31-8CNV',
    scene: { name: 'lobby' },
    show: { style: 'sphere', theme: 'red', music: 'off', volume: 60, logo: '', prizes: {}, version: 1 },
    home: '',
    counts: { invited: 320, bound: 286, present: 283, viewers: 291 },
    recent: Array.from({ length: 120 }, (_, i) => person(i + 167)),
    ...over,
  };
}

/** An answer of the mocked API: what it says, and with which status. */
export interface Answer {
  status?: number;
  body: unknown;
}

export function problem(status: number, code: string, detail: string): Answer {
  return { status, body: { type: 'about:blank', title: code, status, code, detail } };
}

/** The names in the pool. */
export function wall(count: number): Answer {
  const people = Array.from({ length: count }, (_, i) => ({ no: i + 1, name: person(i + 1).name }));
  return { body: { people, more: false } };
}

/** The far end of the page: its API by path, its socket by hand. */
export interface Mock {
  /** Sends an event; `seq` counts by itself. */
  send(type: Message['type'], data: unknown): void;
  /** Sends what has no `seq`. */
  pass(type: Message['type'], data: unknown): void;
  /** Closes the socket, and refuses new ones. */
  drop(): Promise<void>;
}

/** What the phone's page also asks for, where nothing goes on. */
const IDLE: Record<string, Answer> = {
  vouchers: { body: { campaigns: [], vouchers: [] } satisfies Wire['MyVouchers'] },
  referral: {
    body: {
      open: false,
      code: '',
      link: '',
      qr: '',
      fen: 0,
      every: 0,
      delay_ms: 0,
      counted: 0,
      waiting: 0,
      rewards: 0,
      rewards_fen: 0,
      people: [],
    } satisfies Wire['MyReferral'],
  },
};

const CONSENT: Wire['ConsentText'] = {
  version: '1-180d',
  zh: '我同意主办方使用我的姓名和手机号。',
  en: 'I agree.',
};

/** Mocks everything below the origin but the page's own files. `first` comes when the socket opens. */
export async function mock(
  page: Page,
  first: Wire['Snapshot'],
  api: Record<string, Answer | ((body: unknown) => Answer)>,
  me?: Wire['Me'],
): Promise<Mock> {
  let socket: WebSocketRoute | null = null;
  let seq = 1;
  let down = false;
  const message = (type: string, data: unknown, number?: number): void =>
    socket?.send(JSON.stringify({ type, data, at: NOW, ...(number === undefined ? {} : { seq: number }) }));
  await page.routeWebSocket(/\/ws\//, (opened) => {
    if (down) {
      void opened.close();
      return;
    }
    socket = opened;
    message('snapshot', first, seq);
    if (me !== undefined) message('me', me);
  });
  await page.route('**/api/**', async (route) => {
    const { pathname } = new URL(route.request().url());
    const asked = `${route.request().method()} ${pathname}`;
    const answer =
      api[asked] ??
      (asked.endsWith('/wall') ? wall(first.counts.bound) : undefined) ??
      (asked.endsWith('/eligible') ? { body: { eligible: 40 } } : undefined) ??
      (pathname === '/api/consent' ? { body: CONSENT } : undefined) ??
      (asked.endsWith('/public') ? { body: first.meeting } : IDLE[pathname.replace(/^.*\/me\//, '')]);
    const made = typeof answer === 'function' ? answer(route.request().postDataJSON()) : answer;
    const { status = 200, body } = made ?? problem(404, 'not_found', '没有找到');
    const contentType = status < 400 ? 'application/json' : 'application/problem+json';
    await route.fulfill({ status, contentType, body: JSON.stringify(body) });
  });
  return {
    send: (type, data) => {
      seq += 1;
      message(type, data, seq);
    },
    pass: (type, data) => message(type, data),
    drop: async () => {
      down = true;
      await socket?.close();
    },
  };
}

interface Line {
  /** Log code right after the line. */
  code: string;
  t: string;
  draw: number;
  k: number;
  kind: Wire['DrawKind'];
  parent: number;
  pool: { n: number; tickets: number; max: number; root: string };
  winners: { r: number; i: number; pid: string; w: number; c: number }[];
}

/** The published example evening of the draw protocol, with what one of its phones knows. */
export function gala(name = 'bundle-gala') {
  const file = join(import.meta.dirname, '../../tests/vectors/draw-vectors.json');
  const all: { name: string; input: Record<string, unknown> }[] = JSON.parse(
    readFileSync(file, 'utf8'),
  ).vectors;
  const find = (wanted: string): Record<string, unknown> => {
    const found = all.find((one) => one.name === wanted);
    if (found === undefined) throw new Error(`no vector ${wanted}`);
    return found.input;
  };
  const { pin, seen, me } = find('bundle-gala') as {
    pin: { event: string; key: string };
    seen: Wire['Checkpoint'][];
    me: Wire['MyPlace'] & { proofs: Record<string, Wire['MyProof']> };
  };
  const bundle = find(name).bundle as { log: string[] };
  const heads = headsOf(bundle.log.map(utf8));
  const code = (i: number): string => logCode(toHex(heads[i] ?? new Uint8Array(32)));
  const lines: Line[] = bundle.log.map((line, i) => ({ ...JSON.parse(line), code: code(i) }));
  return { pin, seen, me, bundle, lines };
}

/** A draw of the example evening as the server would show it. */
export function galaDraw(lines: readonly Line[], number: number, over: Partial<Wire['DrawView']> = {}) {
  const commit = lines.find(({ t, draw: n }) => t === 'draw.commit' && n === number);
  const result = lines.find(({ t, draw: n }) => t === 'draw.result' && n === number);
  if (commit === undefined) throw new Error(`no draw ${number}`);
  const { kind, parent, k, pool } = commit;
  const winners = (result?.winners ?? []).map(({ r, i, pid, w, c }) =>
    seat(r, { ...person(i + 1), pid, weight: w, amount_fen: c }),
  );
  return revealed({
    draw: number,
    kind,
    parent,
    commit_code: commit.code,
    k,
    pool: { ...pool, eligible: pool.tickets },
    winners,
    ...over,
  });
}

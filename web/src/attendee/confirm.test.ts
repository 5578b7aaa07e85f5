import { afterEach, expect, test, vi } from 'vitest';
import { confirmInWeChat } from './confirm';

const waiting = {
  draw: 1,
  rank: 1,
  trial: false,
  amount_fen: 888,
  until: 0,
  mch_id: '1900000109',
  app_id: 'wx1',
  package: 'ticket',
};

interface Invoked {
  name: string;
  values: Record<string, unknown>;
}

function weChat(said: string): Invoked[] {
  const seen: Invoked[] = [];
  const WeixinJSBridge = {
    invoke(name: string, values: Record<string, unknown>, answer: (said: { err_msg: string }) => void): void {
      seen.push({ name, values });
      answer({ err_msg: `${name}:${said}` });
    },
  };
  vi.stubGlobal('window', { WeixinJSBridge });
  vi.stubGlobal('location', { href: 'https://kaijiang.test/m/gala#top' });
  return seen;
}

function answers(status: number, body: object): void {
  vi.stubGlobal(
    'fetch',
    async () =>
      new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json' } }),
  );
}

afterEach(() => vi.unstubAllGlobals());

test('WeChat gets exactly what the payer gave for this person', async () => {
  answers(200, { app_id: 'wx1', timestamp: 5, nonce: 'n', signature: 's' });
  const seen = weChat('ok');
  expect(await confirmInWeChat(waiting)).toBe('shown');
  expect(seen.map(({ name }) => name)).toEqual(['preVerifyJSAPI', 'requestMerchantTransfer']);
  expect(seen[0]?.values).toMatchObject({
    verifySignature: 's',
    verifyJsApiList: ['requestMerchantTransfer'],
  });
  expect(seen[1]?.values).toEqual({ mchId: '1900000109', appId: 'wx1', package: 'ticket' });
});

test('a page that cannot be signed still asks', async () => {
  answers(503, { code: 'unavailable', detail: '稍后再试' });
  const seen = weChat('cancel');
  expect(await confirmInWeChat(waiting)).toBe('left');
  expect(seen.map(({ name }) => name)).toEqual(['requestMerchantTransfer']);
});

test('a refusal and another browser are told apart', async () => {
  answers(503, {});
  weChat('fail');
  expect(await confirmInWeChat(waiting)).toBe('failed');
  vi.stubGlobal('window', {});
  vi.stubGlobal('navigator', { userAgent: 'Mozilla/5.0' });
  expect(await confirmInWeChat(waiting)).toBe('outside');
});

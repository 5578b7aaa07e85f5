import { afterEach, describe, expect, it, vi } from 'vitest';
import { ApiError, api, idempotencyKey } from './api';

function answer(status: number, body: string, headers: Record<string, string> = {}) {
  const fake = vi.fn<typeof fetch>(async () => new Response(body === '' ? null : body, { status, headers }));
  vi.stubGlobal('fetch', fake);
  return fake;
}

async function failure(promise: Promise<unknown>): Promise<ApiError> {
  const error: unknown = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (!(error instanceof ApiError)) throw new Error('an ApiError was expected');
  return error;
}

afterEach(() => vi.unstubAllGlobals());

describe('api', () => {
  it('sends JSON with the key and the query', async () => {
    const fake = answer(200, '{"draw":3}');
    expect(
      await api.post<{ draw: number }>('/api/x', { a: 1 }, { key: 'k1', query: { p: 2, q: undefined } }),
    ).toEqual({
      draw: 3,
    });
    const [url, init] = fake.mock.calls[0] ?? [];
    expect(url).toBe('/api/x?p=2');
    expect(init?.body).toBe('{"a":1}');
    expect(init?.headers).toMatchObject({ 'idempotency-key': 'k1', 'content-type': 'application/json' });
    expect(init?.credentials).toBe('same-origin');
  });

  it('gives nothing for an empty answer', async () => {
    answer(204, '');
    expect(await api.delete('/api/x')).toBeUndefined();
  });

  it('turns a problem into an ApiError', async () => {
    answer(409, '{"code":"stale","detail":"已被别人修改","field":"version"}', { 'retry-after': '30' });
    const error = await failure(api.get('/api/x'));
    expect(error).toMatchObject({
      status: 409,
      code: 'stale',
      detail: '已被别人修改',
      field: 'version',
      retryAfter: 30,
    });
  });

  it('tells the number of a request that the server failed at, and keeps that of the others', async () => {
    answer(500, '{"code":"internal","detail":"出错了","request":"7k2m9x0abc"}');
    expect(await failure(api.get('/api/x'))).toMatchObject({
      detail: '出错了 (#7k2m9x0abc)',
      request: '7k2m9x0abc',
    });
    answer(422, '{"code":"text","detail":"太长"}', { 'x-request-id': '7k2m9x0ab9' });
    expect(await failure(api.get('/api/x'))).toMatchObject({ detail: '太长', request: '7k2m9x0ab9' });
  });

  it('survives an error page that is no JSON', async () => {
    answer(502, '<html>bad gateway</html>');
    expect(await failure(api.get('/api/x'))).toMatchObject({ status: 502, code: 'http_502', field: null });
  });

  it('says so when there is no network', async () => {
    vi.stubGlobal('fetch', async () => {
      throw new TypeError('failed to fetch');
    });
    expect(await failure(api.get('/api/x'))).toMatchObject({ status: 0, code: 'network' });
  });
});

describe('a server that never answers', () => {
  afterEach(() => vi.useRealTimers());

  /** Takes the request, and for a while or for ever says nothing. */
  function frozen(body = false) {
    vi.useFakeTimers();
    vi.stubGlobal('fetch', (_: string, { signal }: { signal: AbortSignal }) => {
      const never = new Promise<never>((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(new DOMException('', 'AbortError')));
      });
      return body ? Promise.resolve({ ok: true, text: () => never }) : never;
    });
  }

  it.each([false, true])('is given up as if there were no network (answer begun: %s)', async (begun) => {
    frozen(begun);
    const failed = vi.fn();
    const call = failure(api.post('/api/x', {}, { key: 'k' })).finally(failed);
    await vi.advanceTimersByTimeAsync(14_999);
    expect(failed).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(await call).toMatchObject({ status: 0, code: 'network' });
  });

  it('is given more time for a file, and for what takes long', async () => {
    frozen();
    const failed = vi.fn();
    const long = failure(api.post('/api/x', {}, { long: true })).finally(failed);
    const file = failure(api.post('/api/x', new FormData())).finally(failed);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(failed).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(await long).toMatchObject({ code: 'network' });
    await vi.advanceTimersByTimeAsync(120_000);
    expect(await file).toMatchObject({ code: 'network' });
  });

  it('is left by a caller who does not want the answer any more, without a word', async () => {
    frozen();
    const mine = new AbortController();
    const call = api.get('/api/x', { signal: mine.signal }).catch((cause: unknown) => cause);
    mine.abort();
    expect(await call).toMatchObject({ name: 'AbortError' });
  });
});

describe('idempotencyKey', () => {
  const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

  it('is a new UUID each time', () => {
    expect(idempotencyKey()).toMatch(uuid);
    expect(idempotencyKey()).not.toBe(idempotencyKey());
  });

  it('needs no randomUUID', () => {
    vi.stubGlobal('crypto', { getRandomValues: (bytes: Uint8Array) => bytes.fill(0xff) });
    expect(idempotencyKey()).toBe('ffffffff-ffff-4fff-bfff-ffffffffffff');
  });
});

import { newId } from './id';
import { said } from './said';

/** What the server said instead of an answer: RFC 9457 problem+json with a stable `code`. */
export class ApiError extends Error {
  constructor(
    /** HTTP status, 0 when there was no answer at all. */
    readonly status: number,
    /** Stable code such as `stale` or `already_drawn`; `network` when there was no answer. */
    readonly code: string,
    /** The server's sentence, in Chinese. */
    private readonly sentence: string,
    /** The input field it is about, if any. */
    readonly field: string | null = null,
    /** Seconds to wait before trying again (Retry-After), if the server said so. */
    readonly retryAfter: number | null = null,
    /** The server's id of the request, by which its operator finds it in the log; null when there was no answer. */
    readonly request: string | null = null,
  ) {
    super(`${status} ${code}: ${sentence}`);
    this.name = 'ApiError';
  }

  /** The sentence for the person in front of the page, in the language that they read. */
  get detail(): string {
    return said(this.sentence);
  }
}

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export interface RequestOptions {
  /** JSON body, or a FormData for uploads. */
  body?: unknown;
  /** Idempotency-Key; make it once per intention with `idempotencyKey()` and repeat it on retries. */
  key?: string;
  /** Query parameters; `undefined` ones are left out. */
  query?: Record<string, string | number | undefined>;
  signal?: AbortSignal;
  /** The server has much to do for it: as long as the server itself gives it is waited for. */
  long?: boolean;
}

/** Nobody looks at a page that does nothing for longer; a command is repeated with its key. */
const ANSWER_MS = 15_000;
/** The server gives up after 60 s and says so. */
export const LONG_MS = 65_000;
/** Files over a hall's network take their time. */
const UPLOAD_MS = 180_000;

/** A fresh Idempotency-Key: one per intention of a person, kept for all retries of it. */
export function idempotencyKey(): string {
  return newId();
}

function text(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

/** The error that a failed answer stands for, also when it is no problem+json (a proxy's page, say). */
export async function toApiError(response: Response): Promise<ApiError> {
  let problem: Record<string, unknown> = {};
  try {
    const body: unknown = await response.clone().json();
    if (typeof body === 'object' && body !== null) problem = body as Record<string, unknown>;
  } catch {
    // Not JSON: the status has to do.
  }
  const wait = Number.parseInt(response.headers.get('retry-after') ?? '', 10);
  const request = text(problem.request) ?? text(response.headers.get('x-request-id'));
  const detail = text(problem.detail) ?? text(problem.title) ?? `HTTP ${response.status}`;
  return new ApiError(
    response.status,
    text(problem.code) ?? `http_${response.status}`,
    // What is the server's fault is told to its operator: with the number by which it is found.
    response.status >= 500 && request !== null ? `${detail} (#${request})` : detail,
    text(problem.field),
    Number.isNaN(wait) ? null : wait,
    request,
  );
}

function address(path: string, query: RequestOptions['query']): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value !== undefined) params.set(name, String(value));
  }
  const tail = params.toString();
  return tail === '' ? path : `${path}?${tail}`;
}

/** Does something of the network that ends with the caller's signal, or after `ms` as if there were no network. */
async function within<T>(
  ms: number,
  caller: AbortSignal | null | undefined,
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  // Old browsers have neither `AbortSignal.timeout` nor `any`.
  const mine = new AbortController();
  const stop = (): void => mine.abort();
  if (caller?.aborted) stop();
  // Stays: an answer that is still being read ends with it too.
  caller?.addEventListener('abort', stop, { once: true });
  const timer = setTimeout(stop, ms);
  try {
    return await run(mine.signal);
  } catch (cause) {
    if (cause instanceof ApiError || caller?.aborted) throw cause;
    throw new ApiError(0, 'network', '网络不通，请稍后再试');
  } finally {
    clearTimeout(timer);
  }
}

async function ask(request: string | Request, init: RequestInit): Promise<Response> {
  const response = await fetch(request, { credentials: 'same-origin', ...init });
  if (!response.ok) throw await toApiError(response);
  return response;
}

function limitOf(body: unknown): number {
  return body === undefined || body === null || typeof body === 'string' ? ANSWER_MS : UPLOAD_MS;
}

/**
 * Fetches with this page's session; throws `ApiError` for everything that is not an answer. The limit is for its beginning:
 * how long a file may take is the caller's business.
 */
export function fetchOk(
  request: string | Request,
  init?: RequestInit,
  ms = limitOf(init?.body),
): Promise<Response> {
  const caller = init?.signal ?? (request instanceof Request ? request.signal : undefined);
  return within(ms, caller, (signal) => ask(request, { ...init, signal }));
}

/** One call of our API. `T` is the answer's type; an answer without a body is `undefined`. */
export async function request<T>(method: Method, path: string, options: RequestOptions = {}): Promise<T> {
  const headers: Record<string, string> = { accept: 'application/json' };
  const init: RequestInit = { method, headers };
  if (options.key !== undefined) headers['idempotency-key'] = options.key;
  if (options.body instanceof FormData) {
    init.body = options.body;
  } else if (options.body !== undefined || method !== 'GET') {
    // Commands without content still say JSON: the server asks for it with a session cookie.
    headers['content-type'] = 'application/json';
    init.body = JSON.stringify(options.body ?? {});
  }
  const ms = options.long ? LONG_MS : limitOf(init.body);
  const answer = await within(ms, options.signal, async (signal) => {
    const response = await ask(address(path, options.query), { ...init, signal });
    return response.text();
  });
  return (answer === '' ? undefined : JSON.parse(answer)) as T;
}

type Body = Omit<RequestOptions, 'body'>;

/** `request` by method: `api.post<Draw>('/api/meetings/m/rounds/r/commit', body, { key })`. */
export const api = {
  get: <T>(path: string, options?: Body) => request<T>('GET', path, options),
  post: <T>(path: string, body?: unknown, options?: Body) => request<T>('POST', path, { ...options, body }),
  put: <T>(path: string, body?: unknown, options?: Body) => request<T>('PUT', path, { ...options, body }),
  patch: <T>(path: string, body?: unknown, options?: Body) => request<T>('PATCH', path, { ...options, body }),
  delete: <T>(path: string, options?: Body) => request<T>('DELETE', path, options),
};

import createClient from 'openapi-fetch';
import type { paths } from '../wire/api';
import { fetchOk } from './api';

/**
 * The API typed by its OpenAPI document: `(await client.GET('/api/meetings')).data`. Throws `ApiError` as
 * `api` does, so `error` of the answer is never set; the key goes into `headers: { 'Idempotency-Key': key }`.
 */
export const client = createClient<paths>({ fetch: (request) => fetchOk(request) });

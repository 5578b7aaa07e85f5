// @vitest-environment jsdom
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { noteCode, tellCode } from './came';

function answers(...statuses: number[]) {
  const fake = vi.fn<typeof fetch>(async () => new Response('{}', { status: statuses.shift() ?? 200 }));
  vi.stubGlobal('fetch', fake);
  return fake;
}

describe('whose link this phone came by', () => {
  beforeEach(() => {
    localStorage.clear();
    noteCode('gala', '?ref=abc123');
  });
  afterEach(() => vi.unstubAllGlobals());

  it('is told again while nobody can say whether the phone is new', async () => {
    const fake = answers(503, 503, 200);
    await tellCode('gala', [0, 0, 0, 0]);
    expect(fake).toHaveBeenCalledTimes(3);
    await tellCode('gala', []);
    expect(fake, 'it is told').toHaveBeenCalledTimes(3);
  });

  it('is kept for the next time when all of it fails', async () => {
    answers(503, 503);
    await tellCode('gala', [0]);
    const fake = answers(200);
    await tellCode('gala', []);
    expect(fake).toHaveBeenCalledTimes(1);
  });

  it('is forgotten when the server knows no such code', async () => {
    const fake = answers(404);
    await tellCode('gala', [0, 0]);
    await tellCode('gala', [0, 0]);
    expect(fake).toHaveBeenCalledTimes(1);
  });
});

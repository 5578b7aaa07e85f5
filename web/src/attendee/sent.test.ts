import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { keepSent, recallSent, type Sent } from './sent';

const NOW = 1_000_000;
const sent: Sent = { phone: '13800138000', againAt: NOW + 60_000, consent: 'v3' };
let kept: Map<string, string>;

beforeEach(() => {
  kept = new Map();
  vi.stubGlobal('sessionStorage', {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => kept.set(key, value),
    removeItem: (key: string) => kept.delete(key),
  });
});
afterEach(() => vi.unstubAllGlobals());

describe('the number that a code was sent to', () => {
  it('is there after the page was loaded anew, for ten minutes, in this meeting', () => {
    keepSent('gala', sent, NOW);
    expect(recallSent('gala', NOW + 1)).toEqual(sent);
    expect(recallSent('other', NOW + 1)).toBeNull();
    expect(recallSent('gala', NOW + 599_999)).toEqual(sent);
    expect(recallSent('gala', NOW + 600_000)).toBeNull();
    expect(recallSent('gala', NOW - 1)).toBeNull();
  });

  it('is forgotten when another number is wanted', () => {
    keepSent('gala', sent, NOW);
    keepSent('gala', null, NOW);
    expect(recallSent('gala', NOW)).toBeNull();
    expect(kept.size).toBe(0);
  });

  it('is nothing when something else stands there, or nothing can be kept', () => {
    for (const wrong of ['x', '{}', '[]', '{"phone":1,"againAt":1,"at":1000000}']) {
      kept.set('kaijiang.sent.gala', wrong);
      expect(recallSent('gala', NOW)).toBeNull();
    }
    vi.stubGlobal('sessionStorage', undefined);
    keepSent('gala', sent, NOW);
    expect(recallSent('gala', NOW)).toBeNull();
  });
});

import { describe, expect, it } from 'vitest';
import { claimShown, claimText, readClaim } from './claim';

describe('the code of a winner', () => {
  it('comes back from what a camera reads', () => {
    expect(readClaim(claimText('gala', '1a2b3c4d'))).toEqual({ meeting: 'gala', code: '1a2b3c4d' });
  });

  it('is not taken from anything else', () => {
    for (const text of [
      '',
      '1a2b3c4d',
      'https://example.com/?code=1',
      'kaijiang-claim:gala',
      'kaijiang-claim:a:b:c',
    ])
      expect(readClaim(text)).toBeNull();
  });

  it('is read out in groups', () => {
    expect(claimShown('1a2b3c4d')).toBe('1A2B 3C4D');
    expect(claimShown('1a2b')).toBe('1A2B');
  });
});

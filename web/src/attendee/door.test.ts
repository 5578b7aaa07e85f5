// @vitest-environment jsdom
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { codeIn, Door } from './door';

describe('the codes at the door', () => {
  beforeEach(() => {
    sessionStorage.clear();
    history.replaceState(null, '', '/m/gala');
  });

  it('are read from the fragment alone', () => {
    expect(codeIn('#badge=7KQMX2TD9WRA')).toEqual(['badge', '7KQMX2TD9WRA']);
    expect(codeIn('#checkin=ABCDEFGH23456789')).toEqual(['checkin', 'ABCDEFGH23456789']);
    for (const other of ['', '#voucher', '#badge=', '#badge=a&b', `#badge=${'A'.repeat(65)}`, '#badge=<b>'])
      expect(codeIn(other), other).toBeNull();
  });

  it('leave the address and survive the log-in', () => {
    history.replaceState(null, '', '/m/gala?x=1#badge=7KQMX2TD9WRA');
    expect(new Door('gala').badge.value).toBe('7KQMX2TD9WRA');
    expect(location.href).toMatch(/\/m\/gala\?x=1$/);
    const back = new Door('gala');
    expect(back.badge.value).toBe('7KQMX2TD9WRA');
    expect(new Door('other').badge.value).toBe('');
    back.forget('badge');
    expect(new Door('gala').badge.value).toBe('');
  });

  it('of the screen are forgotten when they are old', () => {
    vi.useFakeTimers();
    try {
      history.replaceState(null, '', '/m/gala#checkin=ABCDEFGH23456789');
      expect(new Door('gala').checkin.value).toBe('ABCDEFGH23456789');
      vi.advanceTimersByTime(46_000);
      expect(new Door('gala').checkin.value).toBe('');
    } finally {
      vi.useRealTimers();
    }
  });
});

// @vitest-environment jsdom
import { describe, expect, it } from 'vitest';
import { refusalIn, takeRefusal } from './refusal';

describe('why a log-in failed', () => {
  it('is one of a few words', () => {
    expect(refusalIn('#login=snapshot')).toBe('snapshot');
    for (const other of [
      '',
      '#login=',
      '#login=nonsense',
      '#login=restart&x',
      '#badge=restart',
      '#login=<b>',
    ])
      expect(refusalIn(other), other).toBeNull();
  });

  it('leaves the address when it is read', () => {
    history.replaceState(null, '', '/m/gala?x=1#login=restart');
    expect(takeRefusal()).toBe('restart');
    expect(location.href).toMatch(/\/m\/gala\?x=1$/);
    expect(takeRefusal()).toBeNull();
    history.replaceState(null, '', '/m/gala#badge=7KQMX2TD9WRA');
    expect(takeRefusal()).toBeNull();
    expect(location.hash).toBe('#badge=7KQMX2TD9WRA');
  });
});

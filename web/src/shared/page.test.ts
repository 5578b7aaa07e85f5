import { describe, expect, it } from 'vitest';
import { homeOf } from './page';

describe('the address that a phone is given', () => {
  it('is the server’s own, also on a screen that was opened at localhost', () => {
    expect(homeOf('https://gala.example', 'http://localhost:8080')).toBe('https://gala.example');
    expect(homeOf('https://gala.example', 'http://10.0.0.5:8080')).toBe('https://gala.example');
  });

  it('is that of the page where the server knows itself only as this machine', () => {
    expect(homeOf('http://127.0.0.1:8080', 'http://10.0.0.5:8080')).toBe('http://10.0.0.5:8080');
    expect(homeOf('http://127.0.0.1:8080', 'http://localhost:8080')).toBe('http://127.0.0.1:8080');
    expect(homeOf('', 'http://10.0.0.5')).toBe('http://10.0.0.5');
    expect(homeOf(undefined, 'http://10.0.0.5')).toBe('http://10.0.0.5');
  });
});

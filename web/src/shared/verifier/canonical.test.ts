import { describe, expect, it } from 'vitest';
import { readCanonical } from './canonical';

function nested(depth: number): string {
  return `${'{"a":'.repeat(depth - 1)}{}${'}'.repeat(depth - 1)}`;
}

describe('readCanonical', () => {
  it.each([
    '{}',
    '{"a":0}',
    '{"a":9007199254740991,"a_1":[],"b":"\\"\\\\/"}',
    '{"memo":"红包🧧﷐"}',
    nested(8),
    '{"a":[[[[[[[1]]]]]]]}',
  ])('takes %s', (line) => {
    expect(JSON.stringify(readCanonical(line))).toBe(line);
  });

  it.each([
    '',
    '[]',
    '1',
    '{} ',
    ' {}',
    '{"a": 1}',
    '{"b":1,"a":2}',
    '{"a":1,"a":2}',
    '{"A":1}',
    '{"1a":1}',
    '{"":1}',
    '{"a":-1}',
    '{"a":-0}',
    '{"a":01}',
    '{"a":1.0}',
    '{"a":1e3}',
    '{"a":9007199254740992}',
    '{"a":true}',
    '{"a":null}',
    '{"a":1,}',
    '{"a":[1,]}',
    '{"a":"\\n"}',
    '{"a":"\\u0041"}',
    '{"a":"\\/"}',
    '{"a":"\n"}',
    '{"a":"\u007f"}',
    '{"a":"\u009f"}',
    '{"a":"\u2028"}',
    '{"a":"\ud800"}',
    '{"a":"\udc00x"}',
    '{"a":"open}',
    nested(9),
    '{"a":[[[[[[[[1]]]]]]]]}',
  ])('refuses %j', (line) => {
    expect(readCanonical(line)).toBeNull();
  });

  it('has no keys but its own', () => {
    expect(readCanonical('{"a":1}')?.constructor).toBeUndefined();
  });
});

import { describe, expect, it } from 'vitest';
import { boxWidth, faces, fill, parseFace, parseWord, rolls } from './dice';

const empty = (n: number): string[] => Array.from({ length: n }, () => '');

describe('faces', () => {
  it('are digits for ten sides and start at 1 for others', () => {
    expect(faces(10)).toEqual({ least: 0, most: 9 });
    expect(faces(6)).toEqual({ least: 1, most: 6 });
    expect([boxWidth(10), boxWidth(6), boxWidth(20), boxWidth(100)]).toEqual([1, 1, 2, 3]);
  });

  it('are read from one box', () => {
    expect(parseFace('０', 10)).toBe(0);
    expect(parseFace(' 20 ', 20)).toBe(20);
    for (const [text, sides] of [
      ['', 10],
      ['10', 10],
      ['0', 6],
      ['7', 6],
      ['-1', 10],
      ['1.5', 6],
      ['x', 6],
    ] as const)
      expect(parseFace(text, sides)).toBeNull();
  });
});

describe('fill', () => {
  it('puts one digit and goes to the next box', () => {
    expect(fill(empty(3), 0, '7', 10)).toEqual({ boxes: ['7', '', ''], next: 1 });
    expect(fill(['7', '', ''], 2, '0', 10)).toEqual({ boxes: ['7', '', '0'], next: 2 });
  });

  it('spreads pasted digits and stops at the end', () => {
    expect(fill(empty(4), 1, '1 2-３45', 10)).toEqual({ boxes: ['', '1', '2', '3'], next: 3 });
  });

  it('leaves out what is no face', () => {
    expect(fill(empty(2), 0, '9', 6)).toEqual({ boxes: ['', ''], next: 0 });
    expect(fill(empty(3), 0, '20, 0 7', 20)).toEqual({ boxes: ['20', '7', ''], next: 2 });
  });
});

describe('rolls', () => {
  it('gives nothing until every box is full', () => {
    expect(rolls(['1', ''], 10)).toBeNull();
    expect(rolls(['1', '0'], 10)).toEqual([1, 0]);
    expect(rolls(['1', '0'], 6)).toBeNull();
  });
});

describe('parseWord', () => {
  it('takes what the log takes', () => {
    expect(parseWord(' 火锅 ')).toBe('火锅');
    expect(parseWord('Tea2')).toBe('tea2');
    for (const bad of ['', 'two words', 'é', 'a'.repeat(33), '😀']) expect(parseWord(bad)).toBeNull();
  });
});

import { describe, expect, it } from 'vitest';
import { moved, nearest } from './order';

describe('a list that is put into order', () => {
  it('has the dragged one at its new place and the others as before', () => {
    expect(moved(['a', 'b', 'c', 'd'], 0, 2)).toEqual(['b', 'c', 'a', 'd']);
    expect(moved(['a', 'b', 'c', 'd'], 3, 0)).toEqual(['d', 'a', 'b', 'c']);
    expect(moved(['a', 'b'], 0, 1)).toEqual(['b', 'a']);
  });

  it('stays when nothing moves, or to nowhere', () => {
    expect(moved(['a', 'b'], 1, 1)).toBeNull();
    expect(moved(['a', 'b'], 0, -1)).toBeNull();
    expect(moved(['a', 'b'], 1, 2)).toBeNull();
  });

  it('takes the box that the pointer is over, or next to', () => {
    const box = (left: number, top: number) => ({ left, top, right: left + 10, bottom: top + 10 });
    const boxes = [box(0, 0), box(20, 0), box(0, 20)];
    expect(nearest(boxes, 25, 5)).toBe(1);
    expect(nearest(boxes, 4, 90)).toBe(2);
    expect(nearest([], 0, 0)).toBeNull();
  });
});

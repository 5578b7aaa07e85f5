import { describe, expect, it } from 'vitest';
import type { Wire } from '../../wire';
import { ownerOf, stem } from './photos';

const person = (id: string, over: Partial<Wire['PersonView']>): Wire['PersonView'] => ({
  id,
  name: '王伟',
  phone: '138****0001',
  department: '',
  staff_no: '',
  group: '',
  weight: 1,
  bound: false,
  no: null,
  checked_in: false,
  version: 1,
  ...over,
});

describe('a photo by its file’s name', () => {
  it('is that of the person with the staff number, also when a name is alike', () => {
    const found = [person('a', { name: 'E12' }), person('b', { staff_no: 'e12' })];
    expect(ownerOf('E12', found)).toBe(found[1]);
  });

  it('is found by a whole phone number, or by the name when only one has it', () => {
    const one = person('a', {});
    expect(ownerOf('13800000001', [one])).toBe(one);
    expect(ownerOf('王伟', [one, person('b', { name: '王伟强' })])).toBe(one);
  });

  it('is nobody’s rather than the wrong one’s', () => {
    expect(ownerOf('王伟', [person('a', {}), person('b', {})])).toBe('many');
    expect(ownerOf('王', [person('a', {})])).toBeNull();
    expect(ownerOf('王伟', [])).toBeNull();
  });

  it('is named without folder and ending', () => {
    expect(stem('photos/E12.final.JPG')).toBe('E12.final');
    expect(stem('王伟.png')).toBe('王伟');
  });
});

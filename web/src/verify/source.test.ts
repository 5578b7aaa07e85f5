import { describe, expect, it } from 'vitest';
import { codeLetters, linkedIn, readProofFile, readSource } from './source';

const HOME = 'https://lot.example.cn';

describe('readSource', () => {
  it('takes a meeting, its pages and its proofs', () => {
    const path = '/api/meetings/nianhui/proof';
    for (const text of [
      'nianhui',
      ' nianhui ',
      '/m/nianhui',
      `${HOME}/screen/nianhui`,
      `${HOME}${path}`,
      path,
      'lot.example.cn/m/nianhui',
      `LOT.example.cn${path}`,
    ]) {
      expect(readSource(text, HOME)).toEqual({ path });
    }
    const one = '/api/meetings/nianhui/draws/12/proof';
    expect(readSource(`${HOME}${one}?x=1`, HOME)).toEqual({ path: one });
  });

  it('takes a proof that was pasted, and tells a log code from a meeting', () => {
    expect(readSource(' {"v":"mlot1"}\n', HOME)).toEqual({ text: '{"v":"mlot1"}' });
    for (const text of [
      '9NTE-JYRN-2PBK-CA09-3RFB-BRP0',
      '9NTEJYRN2PBKCA093RFBBRP0',
      '9NTE JYRN 2PBK CA09 3RFB BRP0',
    ]) {
      expect(readSource(text, HOME)).toEqual({ problem: 'code' });
    }
  });

  it('fetches from nowhere else', () => {
    expect(readSource('https://evil.example/api/meetings/a/proof', HOME)).toEqual({ problem: 'foreign' });
    expect(readSource('//evil.example/api/meetings/a/proof', HOME)).toEqual({ problem: 'foreign' });
  });

  it('says when it is no address', () => {
    for (const text of [
      '',
      '年会',
      'a b',
      `${HOME}/control`,
      '/api/meetings/a/people',
      '../x',
      'javascript:1',
    ]) {
      expect(readSource(text, HOME)).toEqual({ problem: 'address' });
    }
  });
});

describe('linkedIn', () => {
  it('reads a link, also a broken one', () => {
    expect(linkedIn('')).toBe('');
    expect(linkedIn('#nianhui')).toBe('nianhui');
    expect(linkedIn('#%2Fm%2Fnianhui')).toBe('/m/nianhui');
    expect(linkedIn('#%')).toBe('%');
  });
});

describe('readProofFile', () => {
  it('splits an export and leaves a bundle alone', () => {
    expect(readProofFile('{"bundle":{"v":"mlot1"},"seen":[1]}')).toEqual({
      bundle: { v: 'mlot1' },
      local: { pin: undefined, seen: [1], me: undefined },
    });
    expect(readProofFile('{"v":"mlot1"}')).toEqual({ bundle: '{"v":"mlot1"}', local: {} });
    expect(readProofFile('nonsense')).toEqual({ bundle: 'nonsense', local: {} });
  });
});

describe('codeLetters', () => {
  it('forgives what people confuse', () => {
    expect(codeLetters('9nte-jyRN 2pbk')).toBe('9NTEJYRN2PBK');
    expect(codeLetters('oOiIlL')).toBe('001111');
  });
});

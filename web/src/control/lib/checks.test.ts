import { describe, expect, it } from 'vitest';
import { gala, galaDraw } from '../../../e2e/fixtures';
import { verify } from '../../shared/verifier/verify';
import { judge, winnersIn } from './checks';

describe('the check of a draw on this computer', () => {
  const evening = gala();
  const draw = galaDraw(evening.lines, 1);
  const proved = winnersIn(evening.bundle, 1);

  it('is good when the proof holds and shows the same winners', () => {
    expect(judge(draw, verify(evening.bundle, {}), proved)).toEqual({ name: 'good', depth: 'full+taps' });
  });

  it('is bad with the code of what does not hold', () => {
    const { bundle } = gala('bundle-gala');
    const log = bundle.log.slice(0, -1);
    expect(judge(draw, verify({ ...bundle, log }, {}), proved)).toEqual({ name: 'bad', code: 'E_HEAD' });
  });

  it('is bad when the page was told somebody else', () => {
    const [first, ...rest] = draw.winners;
    const told = {
      ...draw,
      winners: [{ ...(first as (typeof draw.winners)[0]), pid: '00'.repeat(32) }, ...rest],
    };
    expect(judge(told, verify(evening.bundle, {}), proved)).toEqual({ name: 'bad', code: 'differs' });
    expect(judge({ ...draw, winners: rest }, verify(evening.bundle, {}), proved).name).toBe('bad');
  });
});

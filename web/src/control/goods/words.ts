import type { Wire } from '../../wire';
import type { Tone } from '../lib/words';

/** Colour of a thing's state. */
export const GOODS_TONES: Partial<Record<Wire['AwardState'], Tone>> = {
  waiting: 'warn',
  payable: 'busy',
  collected: 'good',
  suspended: 'bad',
  cancelled: 'bad',
};

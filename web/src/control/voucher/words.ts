import type { ComposerTranslation } from 'vue-i18n';
import { formatFen } from '../../shared/format';
import type { Wire } from '../../wire';
import type { Tone } from '../lib/words';

const TONES: Record<Wire['VoucherState'], Tone> = {
  draft: 'plain',
  waiting: 'warn',
  second: 'warn',
  accepted: 'good',
  rejected: 'bad',
};

export function voucherTone(state: Wire['VoucherState']): Tone {
  return TONES[state] ?? 'plain';
}

/** What a campaign pays in words. */
export function amountWords(t: ComposerTranslation, amount: Wire['VoucherAmount']): string {
  if (amount.mode === 'fixed') return formatFen(amount.fen);
  const all = amount.rows.map(({ fen }) => fen);
  return t('campaign.range', { least: formatFen(Math.min(...all)), most: formatFen(Math.max(...all)) });
}

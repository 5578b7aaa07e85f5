import { type ComputedRef, computed } from 'vue';
import { useI18n } from 'vue-i18n';
import type { Desk } from '../lib/desk';

export interface Option {
  value: string;
  label: string;
}

/** The revealed draws of the meeting as choices; `''` stands for all. */
export function useDrawOptions(desk: Desk): ComputedRef<Option[]> {
  const { t } = useI18n();
  return computed(() => [
    { value: '', label: t('money.allDraws') },
    ...desk.state.value.draws
      .filter(({ winners }) => winners.length > 0)
      .map(({ draw, prize }) => ({
        value: String(draw),
        label: `${t('money.draw', { n: draw })} · ${prize}`,
      })),
  ]);
}

/** Names of states in an order that puts what needs attention first. */
export const PACKET_STATES = [
  'needs_human',
  'blocked',
  'refused',
  'failed',
  'held',
  'unknown',
  'queued',
  'reserved',
  'sending',
  'confirming',
  'sent',
  'received',
  'refunded',
  'cancelled',
] as const;

export const AWARD_STATES = [
  'failed',
  'waiting',
  'payable',
  'suspended',
  'paid',
  'collected',
  'returned',
  'cancelled',
] as const;

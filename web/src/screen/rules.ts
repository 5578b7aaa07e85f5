import { useI18n } from 'vue-i18n';
import { formatFen } from '../shared/format';
import { comma } from '../shared/i18n';
import type { Wire } from '../wire';

/** The rules of a round in words. */
export function useRules() {
  const { t, locale } = useI18n();

  function source(one: Wire['Source']): string {
    if (one.s === 'audience') return t('source.audience');
    if (one.s === 'words') return t('source.words', { count: one.count });
    if (one.s === 'drand')
      return t(one.round ? 'source.drandRound' : 'source.drand', { round: one.round ?? 0 });
    return t(one.sides === 10 ? 'source.digits' : 'source.dice', { count: one.count, sides: one.sides });
  }

  function who(round: Wire['RoundView'], checkin: boolean): string[] {
    const only = [...round.eligible.departments, ...round.eligible.groups];
    return [
      only.length === 0 ? t('rule.all') : t('rule.only', { list: only.join(comma(locale.value)) }),
      ...(checkin ? [t('rule.seen')] : []),
      t(`rule.${round.exclude}`),
    ];
  }

  /** What each winner gets: goods, cash or both. */
  function award(round: Wire['RoundView'], goods: string): string {
    const parts = goods === '' ? [] : [goods];
    if (round.award.mode === 'fixed') parts.push(t('ready.each', { amount: formatFen(round.award.fen) }));
    if (round.award.mode === 'split') parts.push(t('ready.split', { amount: formatFen(round.award.fen) }));
    return parts.join(' + ');
  }

  return { source, who, award };
}

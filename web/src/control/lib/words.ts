import type { ComposerTranslation } from 'vue-i18n';
import { formatFen } from '../../shared/format';
import type { Wire } from '../../wire';

type T = ComposerTranslation;

/** Cash and goods of a round in words. */
export function awardWords(t: T, round: Wire['RoundView'], prize: Wire['PrizeView'] | undefined): string {
  const parts: string[] = [];
  if (round.award.mode === 'fixed') parts.push(t('award.each', { money: formatFen(round.award.fen) }));
  if (round.award.mode === 'split') parts.push(t('award.together', { money: formatFen(round.award.fen) }));
  if (prize !== undefined && prize.kind !== 'cash' && prize.goods !== '') parts.push(prize.goods);
  return parts.join(' + ') || t('award.nothing');
}

export function sourceWords(t: T, source: Wire['Source']): string {
  if (source.s === 'audience') return t('source.audience');
  if (source.s === 'words') return t('source.words', { count: source.count });
  if (source.s === 'drand')
    return t(source.round ? 'source.drandRound' : 'source.drand', { round: source.round ?? 0 });
  if (source.sides === 10) return t('source.digits', { count: source.count });
  return t('source.dice', { count: source.count, sides: source.sides });
}

export function sourcesWords(t: T, sources: readonly Wire['Source'][]): string {
  return sources.map((source) => sourceWords(t, source)).join(' → ') || t('source.none');
}

/** A closed value as it is read out. */
export function valueWords(t: T, value: Wire['EntropyValue']): string {
  if ('rolls' in value) return value.rolls.join(value.rolls.some((face) => face > 9) ? ' · ' : ' ');
  if ('words' in value) return value.words.join(' · ');
  if ('signature' in value) return t('source.beacon', { start: value.randomness.slice(0, 16) });
  return t('source.taps', { m: value.m });
}

type Tone = 'good' | 'warn' | 'bad' | 'plain' | 'busy';

const PACKET_TONES: Record<Wire['PacketState'], Tone> = {
  queued: 'busy',
  reserved: 'busy',
  sending: 'busy',
  confirming: 'busy',
  sent: 'good',
  received: 'good',
  held: 'warn',
  unknown: 'warn',
  blocked: 'bad',
  refused: 'bad',
  refunded: 'plain',
  failed: 'bad',
  cancelled: 'plain',
  needs_human: 'bad',
};

/** Colour of a packet's state; states of a newer server are plain. */
export function packetTone(state: Wire['PacketState']): Tone {
  return PACKET_TONES[state] ?? 'plain';
}

/** Where a packet or award comes from: a rank of a draw, a test before the evening, a campaign, or something else. */
export function placeWords(t: T, packet: Pick<Wire['PacketView'], 'origin' | 'draw' | 'rank'>): string {
  if (packet.origin === 'trial') return t('trial.place');
  if (packet.origin === 'voucher' || packet.origin === 'referral') return t(`origin.${packet.origin}`);
  if (packet.draw === 0) return t('trial.noDraw');
  return `${t('money.draw', { n: packet.draw })} · ${t('winners.rank', { rank: packet.rank })}`;
}

/** Why a packet waits or failed; codes of the payer that have no words stay as they are. */
export function reasonWords(t: T, te: (key: string) => boolean, code: string): string {
  if (te(`reason.${code}`)) return t(`reason.${code}`);
  return te(`story.outcome.${code}`) ? t(`story.outcome.${code}`) : code;
}

const AWARD_TONES: Record<Wire['AwardState'], Tone> = {
  waiting: 'plain',
  payable: 'busy',
  suspended: 'warn',
  cancelled: 'plain',
  paid: 'good',
  collected: 'good',
  returned: 'warn',
  failed: 'bad',
};

export function awardTone(state: Wire['AwardState']): Tone {
  return AWARD_TONES[state] ?? 'plain';
}

export function seatTone(status: Wire['SeatStatus']): Tone {
  if (status === 'present') return 'good';
  return status === 'waiting' ? 'warn' : 'plain';
}

export type { Tone };

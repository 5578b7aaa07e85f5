/**
 * The number that a code was sent to, for this tab and ten minutes: WeChat often loads its page anew when somebody comes back
 * from the SMS, and asking for a second code takes a minute. The code itself is never kept.
 */
export interface Sent {
  phone: string;
  /** When another code can be asked for, ms. */
  againAt: number;
  /** The words that were agreed to. */
  consent: string | null;
}

const KEPT_MS = 600_000;

const keyOf = (meeting: string): string => `kaijiang.sent.${meeting}`;

export function keepSent(meeting: string, sent: Sent | null, now = Date.now()): void {
  try {
    if (sent === null) sessionStorage.removeItem(keyOf(meeting));
    else sessionStorage.setItem(keyOf(meeting), JSON.stringify({ ...sent, at: now }));
  } catch {
    // Nothing to keep it in: a page that is loaded anew asks again.
  }
}

export function recallSent(meeting: string, now = Date.now()): Sent | null {
  try {
    const kept = JSON.parse(sessionStorage.getItem(keyOf(meeting)) ?? 'null');
    const { phone, againAt, consent, at } = kept;
    const fresh = typeof at === 'number' && at <= now && now - at < KEPT_MS;
    if (!fresh || typeof phone !== 'string' || typeof againAt !== 'number') return null;
    return { phone, againAt, consent: typeof consent === 'string' ? consent : null };
  } catch {
    return null;
  }
}

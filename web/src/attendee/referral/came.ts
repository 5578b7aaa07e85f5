import { ApiError, api } from '../../shared/api';
import { ofMeeting } from '../../shared/page';
import { recall, remember } from '../../shared/storage';
import type { Wire } from '../../wire';

const key = (meeting: string): string => `kaijiang.ref.${meeting}`;

/** The code in the page's address, kept over the log-in, which comes back without it. */
export function noteCode(meeting: string, search: string): void {
  const code = new URLSearchParams(search).get('ref') ?? '';
  if (meeting !== '' && /^[0-9a-z]{1,32}$/.test(code)) remember(key(meeting), code);
}

/** When nobody could say whether this phone is new, it is asked again after so long, ms: the binding may be soon. */
const PAUSES = [2_000, 4_000, 8_000, 16_000];

/** Tells the server by whose link this phone came, once it is logged in. Whatever fails now is tried again next time. */
export async function tellCode(meeting: string, pauses = PAUSES): Promise<void> {
  const code = recall(key(meeting));
  if (!code) return;
  try {
    await api.post<Wire['Scanned']>(ofMeeting(meeting, '/me/referral/scan'), { code });
  } catch (cause) {
    if (!(cause instanceof ApiError)) throw cause;
    if (cause.status === 401) return;
    if (cause.status === 0 || cause.status >= 500) {
      const [pause, ...rest] = pauses;
      if (pause === undefined) return;
      await new Promise((resolve) => setTimeout(resolve, pause));
      return tellCode(meeting, rest);
    }
  }
  remember(key(meeting), null);
}

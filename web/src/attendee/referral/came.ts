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

/** Tells the server by whose link this phone came, once it is logged in. A lost answer is tried again next time. */
export async function tellCode(meeting: string): Promise<void> {
  const code = recall(key(meeting));
  if (!code) return;
  try {
    await api.post<Wire['Scanned']>(ofMeeting(meeting, '/me/referral/scan'), { code });
  } catch (cause) {
    if (!(cause instanceof ApiError)) throw cause;
    if (cause.status === 0 || cause.status >= 500 || cause.status === 401) return;
  }
  remember(key(meeting), null);
}

/** First part of what a winner's code says to a camera. */
const MARK = 'kaijiang-claim';

/** What the QR code on a winner's phone says: no address, so that no camera opens it and no server logs it. */
export function claimText(meeting: string, code: string): string {
  return `${MARK}:${meeting}:${code}`;
}

/** What a camera read; `null` when it is no code of a winner. */
export function readClaim(text: string): { meeting: string; code: string } | null {
  const [mark, meeting, code, ...more] = text.trim().split(':');
  if (mark !== MARK || meeting === undefined || code === undefined || more.length > 0) return null;
  return { meeting, code };
}

/** A code as people read it out: capitals in groups of four. */
export function claimShown(code: string): string {
  return code
    .replace(/\s/g, '')
    .toUpperCase()
    .replace(/(.{4})(?=.)/g, '$1 ');
}

/** Id of the meeting in the address of its page (`/screen/{meeting}`, `/m/{meeting}`); empty when there is none. */
export function meetingOf(path: string): string {
  const part = /^\/(?:screen|m)\/([^/]+)\/?$/.exec(path)?.[1];
  if (part === undefined) return '';
  try {
    return decodeURIComponent(part);
  } catch {
    return '';
  }
}

/** The API's address of a meeting, or of something in it. */
export function ofMeeting(meeting: string, tail = ''): string {
  return `/api/meetings/${encodeURIComponent(meeting)}${tail}`;
}

function ownMachine(address: string): boolean {
  try {
    const { hostname } = new URL(address);
    return hostname === 'localhost' || hostname === '[::1]' || hostname.startsWith('127.');
  } catch {
    return true;
  }
}

/**
 * Where other machines open our pages: what the server says of itself (`home`). A page that was opened at `localhost` would
 * send phones nowhere; a server that only knows itself as that is better called as this page was.
 */
export function homeOf(home: string | undefined, here = location.origin): string {
  return home === undefined || home === '' || (ownMachine(home) && !ownMachine(here)) ? here : home;
}

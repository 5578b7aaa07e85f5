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

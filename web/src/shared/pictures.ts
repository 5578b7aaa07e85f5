/** Where a picture of the host is; it never changes. */
export function pictureUrl(id: string): string {
  return `/api/pictures/${encodeURIComponent(id)}`;
}

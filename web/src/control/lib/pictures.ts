import { ApiError, fetchOk } from '../../shared/api';
import type { Wire } from '../../wire';
import type { Desk } from './desk';

/** What a picture is for: the server keeps it as large as that needs. */
export type PictureUse = 'background' | 'logo' | 'prize';

/** Largest file that the server takes. */
const MOST = 8 * 1024 * 1024;

/** Sends a picture; the answer names what the server made of it. `tooLarge` is said of a file that it would not take. */
export async function uploadPicture(
  desk: Desk,
  file: File,
  what: PictureUse,
  tooLarge: string,
): Promise<Wire['PictureView']> {
  // Said before it is sent: a server that hangs up in the middle looks like a broken network.
  if (file.size > MOST) throw new ApiError(413, 'too_large', tooLarge);
  const response = await fetchOk(`${desk.path('/pictures')}?for=${what}`, {
    method: 'POST',
    headers: { accept: 'application/json', 'content-type': 'application/octet-stream' },
    body: file,
  });
  return response.json();
}

/** Gives a person a photo. */
export async function uploadPhoto(
  desk: Desk,
  person: string,
  file: File,
  tooLarge: string,
): Promise<Wire['PersonView']> {
  if (file.size > MOST) throw new ApiError(413, 'too_large', tooLarge);
  const response = await fetchOk(desk.path(`/people/${encodeURIComponent(person)}/photo`), {
    method: 'PUT',
    headers: { accept: 'application/json', 'content-type': 'application/octet-stream' },
    body: file,
  });
  return response.json();
}

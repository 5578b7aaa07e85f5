import { fetchOk } from '../../shared/api';
import type { Wire } from '../../wire';
import type { Desk } from './desk';

/** Sends a picture; the answer names what the server made of it. */
export async function uploadPicture(
  desk: Desk,
  file: File,
  what: Wire['PictureUse'],
): Promise<Wire['PictureView']> {
  const response = await fetchOk(`${desk.path('/pictures')}?for=${what}`, {
    method: 'POST',
    headers: { accept: 'application/json', 'content-type': 'application/octet-stream' },
    body: file,
  });
  return response.json();
}

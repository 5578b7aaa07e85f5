import { fetchOk, LONG_MS } from '../../shared/api';

/** The file name that the server proposes, if it does. */
function nameOf(response: Response): string | null {
  const header = response.headers.get('content-disposition') ?? '';
  const encoded = /filename\*=UTF-8''([^;]+)/i.exec(header)?.[1];
  if (encoded !== undefined) return decodeURIComponent(encoded);
  return /filename="?([^";]+)"?/i.exec(header)?.[1] ?? null;
}

/** Fetches a file with this session and hands it to the browser; throws `ApiError` as every call does. */
export async function download(path: string, fallback: string): Promise<void> {
  const response = await fetchOk(path, undefined, LONG_MS);
  save(await response.blob(), nameOf(response) ?? fallback);
}

/** Hands a file to the browser. */
export function save(content: Blob, name: string): void {
  const url = URL.createObjectURL(content);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  // The browser has taken it over by the next turn; the memory is ours to give back.
  setTimeout(() => URL.revokeObjectURL(url), 0);
}

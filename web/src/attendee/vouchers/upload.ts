import { sha256 } from '@noble/hashes/sha2.js';
import { ApiError, fetchOk } from '../../shared/api';
import { ofMeeting } from '../../shared/page';
import { toHex } from '../../shared/verifier/bytes';
import type { Wire } from '../../wire';

export type Voucher = Wire['VoucherView'];

/** Largest and smallest piece, bytes: as the server takes them. The first one is in between. */
const MOST = 512 * 1024;
const LEAST = 32 * 1024;
const FIRST = 128 * 1024;
/** A piece that takes longer is given up and tried smaller, ms. */
const PIECE_MS = 30_000;
/** A piece that was here sooner is followed by a larger one, ms. */
const QUICK_MS = 2_500;
/** Pauses after failures in a row, ms; then the person is asked. */
const PAUSES = [500, 1_000, 2_000, 4_000, 8_000, 15_000, 30_000, 30_000, 30_000, 30_000];
/** Largest file that the server takes, and the size that larger ones are brought to. */
export const FILE_BYTES = 5 * 1024 * 1024;
const SIDE = 2_560;
const PIXELS = 25_000_000;

/** The far end, and time: replaced in tests. */
export interface Wireless {
  put(n: number, query: string, piece: Uint8Array, signal: AbortSignal): Promise<Voucher>;
  look(signal: AbortSignal): Promise<Voucher | null>;
  pause(ms: number, signal: AbortSignal): Promise<void>;
  now(): number;
}

export interface Progress {
  /** Bytes that the server has. */
  sent: number;
  size: number;
  /** Waits for the network. */
  waiting: boolean;
}

/** Worth another try: no answer, or one that says later. */
function passing(error: ApiError): boolean {
  return error.status === 0 || error.status === 408 || error.status === 429 || error.status >= 500;
}

/**
 * Brings a photo to the server, piece by piece, however often the network breaks: after every failure the server is
 * asked how much it has. Throws what the server refuses, and the last error when it never got through.
 */
export async function upload(
  bytes: Uint8Array,
  n: number,
  known: Wire['VoucherPhoto'] | undefined,
  far: Wireless,
  tell: (progress: Progress) => void,
  signal: AbortSignal,
): Promise<Voucher> {
  const sha = toHex(sha256(bytes));
  const size = bytes.length;
  let offset = known?.sha256 === sha ? known.received : 0;
  let length = FIRST;
  let failures = 0;
  for (;;) {
    tell({ sent: offset, size, waiting: failures > 0 });
    const begun = far.now();
    try {
      const piece = bytes.subarray(offset, Math.min(size, offset + length));
      const voucher = await far.put(n, `offset=${offset}&size=${size}&sha256=${sha}`, piece, signal);
      const photo = voucher.photos.find((one) => one.n === n);
      failures = 0;
      if (photo?.ready) {
        tell({ sent: size, size, waiting: false });
        return voucher;
      }
      offset = photo?.received ?? 0;
      length = far.now() - begun < QUICK_MS ? Math.min(MOST, length * 2) : length;
    } catch (cause) {
      if (signal.aborted || !(cause instanceof ApiError)) throw cause;
      const moved = cause.code === 'offset';
      if (!moved && !passing(cause)) throw cause;
      const pause = PAUSES[failures];
      if (pause === undefined) throw cause;
      failures += 1;
      length = Math.max(LEAST, Math.floor(length / 2));
      if (!moved) {
        tell({ sent: offset, size, waiting: true });
        await far.pause(Math.max(pause, (cause.retryAfter ?? 0) * 1000), signal);
      }
      offset = (await here(n, sha, far, signal)) ?? offset;
    }
  }
}

/** How much of this file the server has; `null` when nobody says. */
async function here(n: number, sha: string, far: Wireless, signal: AbortSignal): Promise<number | null> {
  try {
    const photo = (await far.look(signal))?.photos.find((one) => one.n === n);
    return photo?.sha256 === sha ? photo.received : 0;
  } catch (cause) {
    if (signal.aborted || !(cause instanceof ApiError)) throw cause;
    return null;
  }
}

/** The real far end of one voucher. */
export function wireless(meeting: string, id: string): Wireless {
  const path = ofMeeting(meeting, `/vouchers/${encodeURIComponent(id)}/photos`);
  return {
    async put(n, query, piece, signal) {
      const mine = new AbortController();
      const stop = (): void => mine.abort();
      signal.addEventListener('abort', stop);
      const timer = setTimeout(stop, PIECE_MS);
      try {
        const init = {
          method: 'PUT',
          headers: { 'content-type': 'application/octet-stream' },
          body: piece as BodyInit,
          signal: mine.signal,
        };
        return (await (await fetchOk(`${path}/${n}?${query}`, init)).json()) as Voucher;
      } catch (cause) {
        if (mine.signal.aborted && !signal.aborted) throw new ApiError(0, 'network', '网络太慢，正在重试');
        throw cause;
      } finally {
        clearTimeout(timer);
        signal.removeEventListener('abort', stop);
      }
    },
    async look(signal) {
      const answer = await fetchOk(ofMeeting(meeting, '/me/vouchers'), { signal });
      const mine = (await answer.json()) as Wire['MyVouchers'];
      return mine.vouchers.find((one) => one.id === id) ?? null;
    },
    // Goes on at once when the phone says that it is back.
    pause: (ms, signal) =>
      new Promise((resolve) => {
        const done = (): void => {
          clearTimeout(timer);
          removeEventListener('online', done);
          signal.removeEventListener('abort', done);
          resolve();
        };
        const timer = setTimeout(done, ms);
        addEventListener('online', done);
        signal.addEventListener('abort', done);
      }),
    now: () => performance.now(),
  };
}

/** The file's bytes; a photo that is larger than the server takes is made smaller first. */
export async function bytesOf(file: File): Promise<Uint8Array> {
  const small = file.size > FILE_BYTES ? await shrunk(file) : null;
  return new Uint8Array(await (small ?? file).arrayBuffer());
}

async function shrunk(file: File): Promise<Blob | null> {
  try {
    const picture = await createImageBitmap(file);
    if (picture.width * picture.height > PIXELS * 4) return null;
    const scale = Math.min(1, SIDE / Math.max(picture.width, picture.height));
    const canvas = document.createElement('canvas');
    canvas.width = Math.max(1, Math.round(picture.width * scale));
    canvas.height = Math.max(1, Math.round(picture.height * scale));
    canvas.getContext('2d')?.drawImage(picture, 0, 0, canvas.width, canvas.height);
    picture.close();
    return await new Promise((resolve) => canvas.toBlob(resolve, 'image/jpeg', 0.85));
  } catch {
    // Not decodable here: the server says what is wrong with it.
    return null;
  }
}

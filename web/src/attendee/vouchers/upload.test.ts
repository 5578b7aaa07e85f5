import { describe, expect, it } from 'vitest';
import { ApiError } from '../../shared/api';
import { type Progress, upload, type Voucher, type Wireless } from './upload';

/** A server that keeps what it gets, behind a network that does what the script says. */
class Far implements Wireless {
  kept = new Uint8Array(0);
  readonly lengths: number[] = [];
  pauses = 0;
  sha = '';
  private at = 0;

  constructor(
    readonly size: number,
    private readonly script: ('ok' | 'lost' | 'cut' | ApiError)[] = [],
  ) {}

  private view(): Voucher {
    const received = this.kept.length;
    const photo = { n: 1, size: this.size, received, sha256: this.sha, ready: received === this.size };
    return { photos: [photo] } as unknown as Voucher;
  }

  async put(_: number, query: string, piece: Uint8Array): Promise<Voucher> {
    const step = this.script[this.at] ?? 'ok';
    this.at += 1;
    if (step instanceof ApiError) throw step;
    const asked = new URLSearchParams(query);
    this.sha = asked.get('sha256') ?? '';
    if (step === 'cut') throw new ApiError(0, 'network', '');
    if (Number(asked.get('offset')) !== this.kept.length) throw new ApiError(409, 'offset', '');
    this.lengths.push(piece.length);
    const more = new Uint8Array(this.kept.length + piece.length);
    more.set(this.kept);
    more.set(piece, this.kept.length);
    this.kept = more;
    // The piece arrived, its answer did not.
    if (step === 'lost') throw new ApiError(0, 'network', '');
    return this.view();
  }

  async look(): Promise<Voucher> {
    return this.view();
  }

  async pause(): Promise<void> {
    this.pauses += 1;
  }

  now(): number {
    return 0;
  }
}

const photo = Uint8Array.from({ length: 1_000_000 }, (_, at) => at % 251);
const quiet = new AbortController().signal;

/** Every byte is there, and none twice. */
function whole(far: Far): boolean {
  return Buffer.from(far.kept).equals(Buffer.from(photo));
}

async function run(far: Far, known?: Parameters<typeof upload>[2]): Promise<Progress[]> {
  const seen: Progress[] = [];
  await upload(photo, 1, known, far, (progress) => seen.push({ ...progress }), quiet);
  return seen;
}

describe('upload', () => {
  it('brings every byte once, in larger pieces while the network is quick', async () => {
    const far = new Far(photo.length);
    const seen = await run(far);
    expect(whole(far)).toBe(true);
    expect(far.lengths.slice(0, 3)).toEqual([128 * 1024, 256 * 1024, 512 * 1024]);
    expect(seen.at(-1)).toEqual({ sent: photo.length, size: photo.length, waiting: false });
  });

  it('goes on after cuts and lost answers, without a byte twice', async () => {
    const far = new Far(photo.length, ['ok', 'lost', 'cut', 'cut', 'ok', 'lost']);
    const seen = await run(far);
    expect(whole(far)).toBe(true);
    expect(far.pauses).toBe(4);
    expect(seen.some(({ waiting }) => waiting)).toBe(true);
  });

  it('goes on where an earlier visit stopped', async () => {
    const first = new Far(photo.length, ['ok', new ApiError(415, 'photo_type', '')]);
    await expect(run(first)).rejects.toMatchObject({ code: 'photo_type' });
    const known = (await first.look()).photos[0];
    await run(first, known);
    expect(whole(first)).toBe(true);
  });

  it('gives up at once what the server refuses, and in the end what never gets through', async () => {
    const refused = new Far(photo.length, [new ApiError(409, 'voucher_duplicate', '')]);
    await expect(run(refused)).rejects.toMatchObject({ code: 'voucher_duplicate' });
    expect(refused.pauses).toBe(0);
    const away = new Far(photo.length, Array(50).fill('cut'));
    await expect(run(away)).rejects.toMatchObject({ code: 'network' });
    expect(away.pauses).toBe(10);
  });
});

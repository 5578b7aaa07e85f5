import type { Message } from '../shared/state';
import { recall, remember } from '../shared/storage';
import { isHex, isInt, isRecord, toHex } from '../shared/verifier/bytes';
import type { Wire } from '../wire';

type Checkpoint = Wire['Checkpoint'];

/** Checkpoints that a phone keeps, the newest. */
export const KEPT = 200;

/** What only this phone knows of a meeting; none of it leaves the phone but the salt at binding and the taps. */
export interface Kept {
  /** Made here before binding. */
  salt: string | null;
  /** The event and key that were seen first: later ones have to be the same. */
  pin: { event: string; key: string } | null;
  /** My place as it was given. */
  place: Wire['MyPlace'] | null;
  /** Signed heads of the log, by size. */
  seen: Checkpoint[];
  /** My paths by draw. */
  proofs: Record<string, Wire['MyProof']>;
  /** My own randomness by draw. */
  taps: Record<string, string>;
  /** Draws whose tap of mine the server took. */
  taken: number[];
}

export const NOTHING: Kept = {
  salt: null,
  pin: null,
  place: null,
  seen: [],
  proofs: {},
  taps: {},
  taken: [],
};

/** 32 random bytes in hex. */
export function random32(): string {
  return toHex(crypto.getRandomValues(new Uint8Array(32)));
}

function isCheckpoint(value: unknown): value is Checkpoint {
  return (
    isRecord(value) &&
    isHex(value.event, 16) &&
    isInt(value.size) &&
    isHex(value.head, 32) &&
    isHex(value.sig, 64)
  );
}

/** With one more checkpoint. A second one of the same size stays beside the first: it may prove a fraud. */
export function withCheckpoint(seen: readonly Checkpoint[], one: unknown): Checkpoint[] {
  if (!isCheckpoint(one)) return [...seen];
  if (seen.some(({ size, head }) => size === one.size && head === one.head)) return [...seen];
  return [...seen, one].sort((a, b) => a.size - b.size).slice(-KEPT);
}

/** Whether a checkpoint can be the newest head of the log that the others were signed for. */
function follows(seen: readonly Checkpoint[], one: unknown): boolean {
  if (!isCheckpoint(one)) return true;
  return seen.every(({ size, head }) => size < one.size || (size === one.size && head === one.head));
}

/** The checkpoint of a message, if it carries one. */
export function checkpointOf(message: Message): unknown {
  switch (message.type) {
    case 'snapshot':
    case 'draw':
    case 'seats':
      return message.data.log;
    default:
      return null;
  }
}

/** Reads what was kept; anything that is not as we wrote it counts as missing. */
export function readKept(text: string | null): Kept {
  let value: unknown = null;
  try {
    value = JSON.parse(text ?? 'null');
  } catch {
    // Not ours.
  }
  if (!isRecord(value)) return { ...NOTHING };
  const { salt, pin, place, seen, proofs, taps, taken } = value;
  const pinned = isRecord(pin) && isHex(pin.event, 16) && isHex(pin.key, 32);
  return {
    salt: isHex(salt, 32) ? salt : null,
    pin: pinned ? { event: String(pin.event), key: String(pin.key) } : null,
    place: isRecord(place) && isInt(place.index) && isHex(place.pid, 32) ? (place as Kept['place']) : null,
    seen: Array.isArray(seen) ? seen.filter(isCheckpoint) : [],
    proofs: isRecord(proofs) ? (proofs as Kept['proofs']) : {},
    taps: isRecord(taps) ? (taps as Kept['taps']) : {},
    taken: Array.isArray(taken) ? taken.filter(isInt) : [],
  };
}

/** The phone's memory of one meeting, written through on every change. */
export class Memory {
  private kept: Kept = { ...NOTHING };
  /** What `kept` was read from or written as. */
  private text = '';
  private readonly key: string;

  constructor(meeting: string) {
    this.key = `kaijiang.me.${meeting}`;
  }

  /** As it is now: another tab may have written since. */
  get now(): Readonly<Kept> {
    const text = recall(this.key);
    if (text !== null && text !== this.text) {
      this.text = text;
      this.kept = readKept(text);
    }
    return this.kept;
  }

  /** The salt for binding: made once, before anything is sent. */
  salt(): string {
    const salt = this.now.salt ?? random32();
    this.write({ salt });
    return salt;
  }

  /** My randomness for a draw: the same on every try. */
  tap(draw: number): string {
    const r = this.now.taps[draw] ?? random32();
    this.write({ taps: { ...this.now.taps, [draw]: r } });
    return r;
  }

  /** The server says that it took my tap: from now on it must be among all taps. */
  took(draw: number): void {
    if (!this.now.taken.includes(draw)) this.write({ taken: [...this.now.taken, draw] });
  }

  /** What a verifier needs beside the bundle (draw protocol §10): enough to prove my place anywhere. */
  evidence(): { pin: Kept['pin']; seen: Checkpoint[]; me: unknown } {
    const { pin, seen, place, proofs } = this.now;
    const own = (proof: Wire['MyProof']) => ({ w: proof.w, path: proof.path });
    const paths = Object.fromEntries(Object.entries(proofs).map(([draw, proof]) => [draw, own(proof)]));
    return { pin, seen, me: place === null ? null : { ...place, proofs: paths } };
  }

  /** The first event and key that are seen stay. */
  pin({ event, key }: { event: string; key: string }): void {
    if (this.now.pin === null) this.write({ pin: { event, key } });
  }

  /** My place; what was promised first to the same identity stays. */
  place(place: Wire['MyPlace']): Wire['MyPlace'] {
    const before = this.now.place;
    if (before !== null && before.identity === place.identity) return before;
    this.write({ place, proofs: {} });
    return place;
  }

  /** Keeps a signed head. False when it contradicts an earlier one: another of the same size, or a shorter log. */
  see(checkpoint: unknown): boolean {
    const before = this.now.seen;
    const seen = withCheckpoint(before, checkpoint);
    if (seen.length !== before.length || seen[0] !== before[0]) this.write({ seen });
    return follows(before, checkpoint);
  }

  proof(proof: Wire['MyProof']): void {
    this.write({ proofs: { ...this.now.proofs, [proof.draw]: proof } });
  }

  private write(part: Partial<Kept>): void {
    this.kept = { ...this.now, ...part };
    this.text = JSON.stringify(this.kept);
    remember(this.key, this.text);
  }
}

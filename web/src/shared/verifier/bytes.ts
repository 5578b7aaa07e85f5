import { sha256 } from '@noble/hashes/sha2.js';

/** Largest integer that the protocol's JSON may hold: 2^53 − 1. */
export const MAX_INT = Number.MAX_SAFE_INTEGER;

const encoder = new TextEncoder();

export function utf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** True for exactly `bytes` bytes of lower-case hex. */
export function isHex(value: unknown, bytes: number): value is string {
  return typeof value === 'string' && value.length === bytes * 2 && /^[0-9a-f]*$/.test(value);
}

/** True for an integer of the protocol: 0 … 2^53 − 1. */
export function isInt(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** True for a plain JSON object. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A text that UTF-8 can carry: no surrogate without its partner. */
export function isWellFormed(text: string): boolean {
  return !/[\ud800-\udfff]/u.test(text);
}

function nibble(code: number): number {
  return code < 58 ? code - 48 : code - 87;
}

/** Writes the bytes of a checked hex text at `at`. */
export function writeHex(hex: string, into: Uint8Array, at: number): void {
  for (let i = 0; i < hex.length; i += 2) {
    into[at + i / 2] = (nibble(hex.charCodeAt(i)) << 4) | nibble(hex.charCodeAt(i + 1));
  }
}

export function fromHex(hex: string): Uint8Array {
  const out = new Uint8Array(hex.length / 2);
  writeHex(hex, out, 0);
  return out;
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

export function toHex(bytes: Uint8Array): string {
  let out = '';
  for (const byte of bytes) out += HEX[byte];
  return out;
}

/** Writes a 64-bit big-endian integer. */
export function writeU64(value: number, into: Uint8Array, at: number): void {
  const high = Math.floor(value / 0x1_0000_0000);
  const low = value >>> 0;
  into[at] = high >>> 24;
  into[at + 1] = high >>> 16;
  into[at + 2] = high >>> 8;
  into[at + 3] = high;
  into[at + 4] = low >>> 24;
  into[at + 5] = low >>> 16;
  into[at + 6] = low >>> 8;
  into[at + 7] = low;
}

export function u64(value: number): Uint8Array {
  const out = new Uint8Array(8);
  writeU64(value, out, 0);
  return out;
}

export function u32(value: number): Uint8Array {
  return u64(value).subarray(4);
}

export function u8(value: number): Uint8Array {
  return Uint8Array.of(value);
}

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  let size = 0;
  for (const part of parts) size += part.length;
  const out = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** `H(tag, x…)` of the protocol: SHA-256 of the tag, a zero byte and the parts. */
export function hash(tag: string, ...parts: readonly Uint8Array[]): Uint8Array {
  return sha256(concat([utf8(tag), u8(0), ...parts]));
}

/** A buffer that starts with the tag and a zero byte, for the many hashes of one length in a tree. */
export function tagged(tag: string, size: number): { buffer: Uint8Array; at: number } {
  const buffer = new Uint8Array(tag.length + 1 + size);
  buffer.set(utf8(tag), 0);
  return { buffer, at: tag.length + 1 };
}

export function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

/** SHA-256 without a tag: only drand's randomness is made that way. */
export function plainSha256(bytes: Uint8Array): Uint8Array {
  return sha256(bytes);
}

const CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** The log code of a head (hex): 24 letters in six groups. */
export function logCode(head: string): string {
  let bits = BigInt(`0x${head.slice(0, 30)}`);
  let letters = '';
  for (let i = 0; i < 24; i++) {
    letters = CROCKFORD[Number(bits & 31n)] + letters;
    bits >>= 5n;
  }
  return (letters.match(/.{4}/g) ?? []).join('-');
}

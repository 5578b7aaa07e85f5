import { ed25519 } from '@noble/curves/ed25519.js';
import { sha512 } from '@noble/hashes/sha2.js';
import { concat, fromHex, isHex, utf8 } from './bytes';

const { Point } = ed25519;
const ORDER = Point.Fn.ORDER;

function littleEndian(bytes: Uint8Array): bigint {
  let value = 0n;
  for (let i = bytes.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i] ?? 0);
  return value;
}

/** A point in its one canonical encoding and not of small order, else `null`. */
function strictPoint(bytes: Uint8Array) {
  try {
    const point = Point.fromBytes(bytes, false);
    return point.isSmallOrder() ? null : point;
  } catch {
    return null;
  }
}

/**
 * Strict Ed25519: S below the group order, key and R canonical and not of small order, and the
 * equation compared without the cofactor. (The library's own check multiplies by the cofactor.)
 */
export function verifyStrict(sig: Uint8Array, message: Uint8Array, key: Uint8Array): boolean {
  if (sig.length !== 64 || key.length !== 32) return false;
  const s = littleEndian(sig.subarray(32));
  if (s >= ORDER) return false;
  const a = strictPoint(key);
  const r = strictPoint(sig.subarray(0, 32));
  if (a === null || r === null) return false;
  const k = littleEndian(sha512(concat([sig.subarray(0, 32), key, message]))) % ORDER;
  // Only public values here, so the faster multiplication that is not constant-time will do.
  const left = Point.BASE.multiplyUnsafe(s);
  return left.equals(r.add(a.multiplyUnsafe(k)));
}

/** The same for hex and text, as checkpoints and receipts have them. */
export function verifyText(sig: unknown, text: string, key: string): boolean {
  return isHex(sig, 64) && verifyStrict(fromHex(sig), utf8(text), fromHex(key));
}

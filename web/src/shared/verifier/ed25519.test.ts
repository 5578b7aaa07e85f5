import { ed25519 } from '@noble/curves/ed25519.js';
import { sha512 } from '@noble/hashes/sha2.js';
import { describe, expect, it } from 'vitest';
import { concat, fromHex, utf8 } from './bytes';
import { verifyStrict } from './ed25519';

const { Point } = ed25519;
const ORDER = Point.Fn.ORDER;
const message = utf8('mlot1');
const secret = new Uint8Array(32).fill(7);
const key = ed25519.getPublicKey(secret);
const sig = ed25519.sign(message, secret);

function toBytes(value: bigint): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, i) => Number((value >> BigInt(8 * i)) & 255n));
}

function fromBytes(bytes: Uint8Array): bigint {
  return bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
}

describe('verifyStrict', () => {
  it('takes a good signature and no changed one', () => {
    expect(verifyStrict(sig, message, key)).toBe(true);
    for (const at of [0, 20, 33, 63]) {
      const changed = sig.slice();
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(verifyStrict(changed, message, key)).toBe(false);
    }
    expect(verifyStrict(sig, utf8('mlot2'), key)).toBe(false);
    expect(verifyStrict(sig.subarray(1), message, key)).toBe(false);
  });

  it('refuses S that is not below the group order', () => {
    const large = concat([sig.subarray(0, 32), toBytes(fromBytes(sig.subarray(32)) + ORDER)]);
    expect(verifyStrict(large, message, key)).toBe(false);
  });

  it('refuses keys of small order and encodings that are not canonical', () => {
    const identity = fromHex(`01${'00'.repeat(31)}`);
    const anything = concat([identity, new Uint8Array(32)]);
    expect(verifyStrict(anything, message, identity)).toBe(false);
    // y = p + 1 stands for the same point as y = 1.
    expect(verifyStrict(anything, message, fromHex(`ee${'ff'.repeat(30)}7f`))).toBe(false);
    // y = p + 3 is a point of large order in an encoding that is not canonical.
    expect(verifyStrict(anything, message, fromHex(`f0${'ff'.repeat(30)}7f`))).toBe(false);
  });

  it('compares without the cofactor, unlike the library', () => {
    const torsion = Point.fromHex('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a', true);
    expect(torsion.isSmallOrder()).toBe(true);
    const [a, r] = [12_345n, 67_890n];
    const mixed = Point.BASE.multiply(a).add(torsion).toBytes();
    const nonce = Point.BASE.multiply(r).toBytes();
    let told = 0;
    for (let i = 0; i < 8; i++) {
      const text = utf8(`message ${i}`);
      const k = fromBytes(sha512(concat([nonce, mixed, text]))) % ORDER;
      const forged = concat([nonce, toBytes((r + k * a) % ORDER)]);
      expect(ed25519.verify(forged, text, mixed)).toBe(true);
      expect(verifyStrict(forged, text, mixed)).toBe(k % 8n === 0n);
      if (k % 8n !== 0n) told += 1;
    }
    expect(told).toBeGreaterThan(0);
  });
});

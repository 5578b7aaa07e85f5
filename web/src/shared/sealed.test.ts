import { chacha20poly1305 } from '@noble/ciphers/chacha.js';
import { describe, expect, it } from 'vitest';
import { type Cipher, Seals } from './sealed';
import type { Message } from './state';

const KEY = Uint8Array.from({ length: 32 }, (_, at) => at);
const HEX = Buffer.from(KEY).toString('hex');
const WINNERS = [{ rank: 1, name: '欧阳娜娜' }];
/** Made by the server's `seal_once` with this key. */
const FROM_SERVER = '43c3605fcc8bc3f32943bbef2461337ad891e55df691ffb7869af3216b5024411b6f';

const cipher: Cipher = (key, sealed) => chacha20poly1305(key, new Uint8Array(12)).decrypt(sealed);

function message(type: string, data: unknown): Message {
  return { at: 1, type, data } as Message;
}

function sealed(id: string, bytes: Uint8Array): Message {
  return message('sealed', { draw: 1, id, text: Buffer.from(bytes).toString('base64') });
}

function box(id: string): Message {
  const plain = new TextEncoder().encode(`${JSON.stringify(WINNERS)}      `);
  return sealed(id, chacha20poly1305(KEY, new Uint8Array(12)).encrypt(plain));
}

function opened(id: string, key = HEX): Message {
  const data = { draw: { draw: 1, state: 'revealed', winners: [] }, log: { size: 9 }, code: 'C', id, key };
  return { ...message('opened', data), seq: 7 } as Message;
}

async function prepared(): Promise<Seals> {
  const seals = new Seals(() => Promise.resolve(cipher));
  await seals.prepare();
  return seals;
}

describe('what is sealed', () => {
  it('is a draw like any other once the key came', async () => {
    const seals = await prepared();
    expect(seals.unpack(box('b1'))).toBe('nothing');
    expect(seals.unpack(opened('b1'))).toEqual({
      seq: 7,
      at: 1,
      type: 'draw',
      data: { draw: { draw: 1, state: 'revealed', winners: WINNERS }, log: { size: 9 }, code: 'C' },
    });
  });

  it('is read as the server wrote it, by what pages load', async () => {
    const seals = new Seals();
    await seals.prepare();
    seals.unpack(sealed('b1', Uint8Array.from(Buffer.from(FROM_SERVER, 'hex'))));
    expect(seals.unpack(opened('b1'))).toMatchObject({ data: { draw: { winners: [{ name: '王' }] } } });
  });

  it('is asked for whole when it did not come, is another one, or does not open', async () => {
    const seals = await prepared();
    expect(seals.unpack(opened('b1'))).toBe('unreadable');
    seals.unpack(box('b1'));
    expect(seals.unpack(opened('b2'))).toBe('unreadable');
    expect(seals.unpack(opened('b1', HEX.replace('01', '02')))).toBe('unreadable');
    seals.unpack(sealed('b3', new Uint8Array(40)));
    expect(seals.unpack(opened('b3'))).toBe('unreadable');
  });

  it('needs what opens it, and tries again to load that', async () => {
    let tries = 0;
    const seals = new Seals(() => {
      tries += 1;
      return tries === 1 ? Promise.reject(new Error('offline')) : Promise.resolve(cipher);
    });
    await seals.prepare();
    seals.unpack(box('b1'));
    expect(seals.unpack(opened('b1'))).toBe('unreadable');
    await seals.prepare();
    expect(tries).toBe(2);
    expect(seals.unpack(opened('b1'))).toMatchObject({ type: 'draw' });
  });

  it('leaves everything else alone', async () => {
    const seals = await prepared();
    const other = message('scene', { name: 'lobby' });
    expect(seals.unpack(other)).toBe(other);
  });
});

import type { DrawView, Message } from './state';

/** Opens what is sealed; throws when the key is another one. */
export type Cipher = (key: Uint8Array, sealed: Uint8Array) => Uint8Array;

/** What a message comes to: something to tell, nothing yet, or a result that cannot be read here. */
export type Unpacked = Message | 'nothing' | 'unreadable';

/** Each key seals one thing, so the nonce says nothing. */
const NONCE = new Uint8Array(12);

/** Beside the page, not before its first paint. */
async function loadCipher(): Promise<Cipher> {
  const { chacha20poly1305 } = await import('@noble/ciphers/chacha.js');
  return (key, sealed) => chacha20poly1305(key, NONCE).decrypt(sealed);
}

function fromHex(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
}

/**
 * Winners that came sealed before they are told. The result then brings only the key, so a slow phone shows it no
 * later than the others; until then nobody can read it. Not WebCrypto: that is missing where a hall is served over
 * plain http.
 */
export class Seals {
  private cipher: Cipher | null = null;
  private loading = false;
  private box: { id: string; text: string } | null = null;

  constructor(private readonly load: () => Promise<Cipher> = loadCipher) {}

  /** Fetches what is needed for opening. Without it the result is asked for again, and comes whole. */
  async prepare(): Promise<void> {
    if (this.loading) return;
    this.loading = true;
    try {
      this.cipher = await this.load();
    } catch {
      this.loading = false;
    }
  }

  /** Keeps what is sealed, and makes a `draw` of what opens it. */
  unpack(message: Message): Unpacked {
    if (message.type === 'sealed') {
      this.box = message.data;
      void this.prepare();
      return 'nothing';
    }
    if (message.type !== 'opened') return message;
    const { id, key, draw, log, code } = message.data;
    const winners = this.winners(id, key);
    if (winners === null) return 'unreadable';
    return { ...message, type: 'draw', data: { draw: { ...draw, winners }, log, code } };
  }

  private winners(id: string, key: string): DrawView['winners'] | null {
    if (this.cipher === null || this.box?.id !== id) return null;
    try {
      const plain = this.cipher(fromHex(key), fromBase64(this.box.text));
      return JSON.parse(new TextDecoder().decode(plain)) as DrawView['winners'];
    } catch {
      return null;
    }
  }
}

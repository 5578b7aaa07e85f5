/** A value of the protocol's JSON. Objects have no prototype, so that a key is only ever its own. */
export type Json = number | string | Json[] | JsonObject;
export interface JsonObject {
  [key: string]: Json;
}

/** Containers inside each other, the line's own object being 1. */
const MAX_DEPTH = 8;

const KEY = /^[a-z][a-z0-9_]*$/;
const INTEGER = /(?:0|[1-9][0-9]*)/y;
// Up to the next quote or backslash, nothing that canonical JSON forbids inside a string.
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are exactly what must not be there
const PLAIN = /[^"\\\u0000-\u001f\u007f-\u009f\u2028\u2029\ud800-\udfff]*/uy;

class NotCanonical extends Error {}

class Reader {
  private at = 0;

  constructor(private readonly text: string) {}

  line(): JsonObject {
    const value = this.object(1);
    if (this.at !== this.text.length) throw new NotCanonical();
    return value;
  }

  private take(char: string): boolean {
    if (this.text[this.at] !== char) return false;
    this.at += 1;
    return true;
  }

  private expect(char: string): void {
    if (!this.take(char)) throw new NotCanonical();
  }

  private value(depth: number): Json {
    const char = this.text[this.at];
    if (char === '{') return this.object(depth);
    if (char === '[') return this.array(depth);
    if (char === '"') return this.string();
    return this.integer();
  }

  private object(depth: number): JsonObject {
    if (depth > MAX_DEPTH) throw new NotCanonical();
    this.expect('{');
    const out: JsonObject = Object.create(null);
    if (this.take('}')) return out;
    let last = '';
    do {
      const key = this.string();
      // Sorted and not repeated: each key is greater than the one before. Keys are ASCII.
      if (!KEY.test(key) || key <= last) throw new NotCanonical();
      last = key;
      this.expect(':');
      out[key] = this.value(depth + 1);
    } while (this.take(','));
    this.expect('}');
    return out;
  }

  private array(depth: number): Json[] {
    if (depth > MAX_DEPTH) throw new NotCanonical();
    this.expect('[');
    const out: Json[] = [];
    if (this.take(']')) return out;
    do out.push(this.value(depth + 1));
    while (this.take(','));
    this.expect(']');
    return out;
  }

  private string(): string {
    this.expect('"');
    let out = '';
    for (;;) {
      PLAIN.lastIndex = this.at;
      const plain = PLAIN.exec(this.text)?.[0] ?? '';
      out += plain;
      this.at += plain.length;
      if (this.take('"')) return out;
      this.expect('\\');
      const escaped = this.text[this.at];
      if (escaped !== '"' && escaped !== '\\') throw new NotCanonical();
      out += escaped;
      this.at += 1;
    }
  }

  private integer(): number {
    INTEGER.lastIndex = this.at;
    const digits = INTEGER.exec(this.text)?.[0];
    if (digits === undefined || digits.length > 16) throw new NotCanonical();
    const value = Number(digits);
    if (!Number.isSafeInteger(value)) throw new NotCanonical();
    this.at += digits.length;
    return value;
  }
}

/** Reads a line that is canonical JSON (draw protocol §3); `null` for anything else. */
export function readCanonical(line: string): JsonObject | null {
  try {
    return new Reader(line).line();
  } catch (error) {
    if (error instanceof NotCanonical) return null;
    throw error;
  }
}

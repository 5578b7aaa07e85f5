/** Chinese sentences of the server with `{placeholders}`, and what they are in another language. */
export type Sentences = Record<string, string>;

interface Pattern {
  shape: RegExp;
  names: string[];
  told: string;
}

/** Only these may hold whole sentences; every other placeholder is a name, a number or a word. */
const LONG = ['says', 'reason', 'again', 'cause', 'error', 'fault', '2'];
const PLACE = /\{(\w+)\}/g;
const PIECE = /[^。；！？\n]*[。；！？\n]|[^。；！？\n]+$/g;
const CHINESE = /[\u3400-\u9fff]/;
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
/** The same few sentences are asked for at each rendering. */
const KEPT = 300;

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

function pattern(said: string, told: string): Pattern {
  const names: string[] = [];
  let shape = '';
  let at = 0;
  for (const found of said.matchAll(PLACE)) {
    const name = found[1] ?? '';
    names.push(name);
    shape += escaped(said.slice(at, found.index)) + (LONG.includes(name) ? '([^]*?)' : '([^。；！？\\n]*?)');
    at = found.index + found[0].length;
  }
  return { shape: new RegExp(`^${shape}${escaped(said.slice(at))}$`), names, told };
}

const fixed = (said: string): number => said.replace(PLACE, '').length;

/**
 * Reads finished sentences back: the server writes each in one place, in Chinese, with its values in it. They are
 * found by their fixed words, whole or sentence by sentence, and said again with the same values.
 */
export class Catalogue {
  private readonly whole = new Map<string, string>();
  private readonly patterns: Pattern[];
  private readonly kept = new Map<string, string>();

  constructor(sentences: Sentences) {
    const open = Object.entries(sentences).filter(([said, told]) => {
      const closed = !said.includes('{');
      if (closed) this.whole.set(said, told);
      return !closed;
    });
    // What has the most words of its own is meant.
    open.sort(([one], [other]) => fixed(other) - fixed(one));
    this.patterns = open.map(([said, told]) => pattern(said, told));
  }

  /** The sentence in the catalogue's language; what it does not know stays as it is. */
  say(text: string): string {
    if (!CHINESE.test(text)) return text;
    const known = this.kept.get(text);
    if (known !== undefined) return known;
    const told = this.one(text) ?? this.pieces(text);
    if (this.kept.size >= KEPT) this.kept.clear();
    this.kept.set(text, told);
    return told;
  }

  private one(text: string): string | null {
    const whole = this.whole.get(text);
    if (whole !== undefined) return whole;
    const date = /^(\d+)月(\d+)日( \d\d:\d\d)?$/.exec(text);
    if (date !== null) return `${date[2]} ${MONTHS[Number(date[1]) - 1] ?? ''}${date[3] ?? ''}`;
    for (const { shape, names, told } of this.patterns) {
      const found = shape.exec(text);
      if (found === null) continue;
      const values = new Map(names.map((name, i) => [name, this.say(found[i + 1] ?? '')]));
      const put = (place: string, name: string): string => {
        const value = values.get(name);
        if (value !== undefined) return value;
        const lower = values.get(name.toLowerCase());
        return lower === undefined ? place : lower.charAt(0).toUpperCase() + lower.slice(1);
      };
      return told.replace(PLACE, put).trimEnd();
    }
    return null;
  }

  /** Sentence by sentence, the longest known run first. */
  private pieces(text: string): string {
    const parts = text.match(PIECE) ?? [text];
    const out: string[] = [];
    for (let at = 0; at < parts.length; ) {
      let end = parts.length;
      let told: string | null = null;
      for (; end > at && told === null; end -= 1) told = this.run(parts.slice(at, end).join(''));
      if (told === null) {
        out.push((parts[at] ?? '').trim());
        at += 1;
      } else {
        out.push(told);
        at = end + 1;
      }
    }
    return out.join(' ');
  }

  /** A run with or without what ends it: sentences are also made of clauses. */
  private run(text: string): string | null {
    const told = this.one(text);
    const end = text.endsWith('；') ? ';' : text.endsWith('。') ? '.' : null;
    if (told !== null || end === null) return told;
    const bare = this.one(text.slice(0, -1));
    return bare === null ? null : `${bare}${end}`;
  }
}

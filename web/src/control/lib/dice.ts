/** Faces of a die in the draw log: the digits 0–9 with ten sides, else 1 … sides (draw protocol §7). */
export function faces(sides: number): { least: number; most: number } {
  return sides === 10 ? { least: 0, most: 9 } : { least: 1, most: sides };
}

/** What is typed into one box as a face; `null` when it is none. */
export function parseFace(text: string, sides: number): number | null {
  const plain = toAscii(text.trim());
  if (!/^\d{1,3}$/.test(plain)) return null;
  const face = Number(plain);
  const { least, most } = faces(sides);
  return face >= least && face <= most ? face : null;
}

/** Full-width digits, as a Chinese keyboard may give them, as plain ones. */
export function toAscii(text: string): string {
  return text.replace(/[０-９]/g, (digit) => String.fromCharCode(digit.charCodeAt(0) - 0xfee0));
}

/** A box is full after this many digits. */
export function boxWidth(sides: number): number {
  return String(faces(sides).most).length;
}

/**
 * What one typed or pasted text does to the boxes from `at` on. One digit per box when one is enough, else
 * numbers divided by anything that is no digit. Signs that are no faces are left out.
 */
export function fill(
  boxes: readonly string[],
  at: number,
  text: string,
  sides: number,
): { boxes: string[]; next: number } {
  const plain = toAscii(text);
  const parts = boxWidth(sides) === 1 ? [...plain.replace(/\D/g, '')] : plain.split(/\D+/);
  const out = [...boxes];
  let next = at;
  for (const part of parts) {
    if (next >= out.length || parseFace(part, sides) === null) continue;
    out[next] = part;
    next += 1;
  }
  return { boxes: out, next: Math.min(next, out.length - 1) };
}

/** All faces when every box holds one, else `null`: nothing incomplete is ever sent. */
export function rolls(boxes: readonly string[], sides: number): number[] | null {
  const out: number[] = [];
  for (const box of boxes) {
    const face = parseFace(box, sides);
    if (face === null) return null;
    out.push(face);
  }
  return out;
}

/** A called-out word as the log takes it: small letters, digits, Chinese characters; `null` when it is none. */
export function parseWord(text: string): string | null {
  const word = toAscii(text).trim().toLowerCase();
  return /^[0-9a-z\u4e00-\u9fff]{1,32}$/.test(word) ? word : null;
}

/** ChaCha20 as a stream of 64-bit words, each a pair of 32-bit halves (draw protocol §8). */
export class Keystream {
  private readonly input = new Uint32Array(16);
  private readonly block = new Uint32Array(16);
  private at = 16;
  /** Halves of the last word taken. */
  low = 0;
  high = 0;

  /** `seed` = 32 bytes, `id` = 0 for winners, 1 for the split. */
  constructor(seed: Uint8Array, id: number) {
    const view = new DataView(seed.buffer, seed.byteOffset, 32);
    this.input.set([0x61707865, 0x3320646e, 0x79622d32, 0x6b206574]);
    for (let i = 0; i < 8; i++) this.input[4 + i] = view.getUint32(i * 4, true);
    this.input[14] = id;
  }

  /** Takes the next 8 bytes as a little-endian word into `low` and `high`. */
  next(): void {
    if (this.at === 16) this.refill();
    this.low = this.block[this.at] ?? 0;
    this.high = this.block[this.at + 1] ?? 0;
    this.at += 2;
  }

  private refill(): void {
    const { input, block } = this;
    block.set(input);
    for (let i = 0; i < 10; i++) {
      quarter(block, 0, 4, 8, 12);
      quarter(block, 1, 5, 9, 13);
      quarter(block, 2, 6, 10, 14);
      quarter(block, 3, 7, 11, 15);
      quarter(block, 0, 5, 10, 15);
      quarter(block, 1, 6, 11, 12);
      quarter(block, 2, 7, 8, 13);
      quarter(block, 3, 4, 9, 14);
    }
    for (let i = 0; i < 16; i++) block[i] = word(block, i) + word(input, i);
    input[12] = word(input, 12) + 1;
    if (input[12] === 0) input[13] = word(input, 13) + 1;
    this.at = 0;
  }

  /** A number below `bound` (1 … 2^53), every one equally likely: mask and reject. */
  uniform(bound: number): number {
    const top = bound - 1;
    const topHigh = Math.floor(top / 0x1_0000_0000);
    const maskHigh = ones(topHigh);
    const maskLow = topHigh > 0 ? 0xffff_ffff : ones(top);
    for (;;) {
      this.next();
      const x = ((this.high & maskHigh) >>> 0) * 0x1_0000_0000 + ((this.low & maskLow) >>> 0);
      if (x < bound) return x;
    }
  }
}

function word(words: Uint32Array, i: number): number {
  return words[i] ?? 0;
}

/** As many one bits as `value` (32 bits) is long. */
function ones(value: number): number {
  const zeros = Math.clz32(value);
  return zeros === 32 ? 0 : 0xffff_ffff >>> zeros;
}

function turn(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}

function quarter(w: Uint32Array, a: number, b: number, c: number, d: number): void {
  w[a] = word(w, a) + word(w, b);
  w[d] = turn(word(w, d) ^ word(w, a), 16);
  w[c] = word(w, c) + word(w, d);
  w[b] = turn(word(w, b) ^ word(w, c), 12);
  w[a] = word(w, a) + word(w, b);
  w[d] = turn(word(w, d) ^ word(w, a), 8);
  w[c] = word(w, c) + word(w, d);
  w[b] = turn(word(w, b) ^ word(w, c), 7);
}

/** Number → number in typed arrays, since a `Map` ends at 2^24 entries and a draw may take more. */
class Swaps {
  private keys = new Float64Array(1024).fill(-1);
  private values = new Float64Array(1024);
  private count = 0;

  private slot(key: number): number {
    const mask = this.keys.length - 1;
    const mixed = Math.imul((key >>> 0) ^ Math.imul(Math.floor(key / 0x1_0000_0000), 0x85ebca6b), 0x9e3779b1);
    let at = (mixed ^ (mixed >>> 15)) & mask;
    while (this.keys[at] !== -1 && this.keys[at] !== key) at = (at + 1) & mask;
    return at;
  }

  /** The value of a key, the key itself when it has none. */
  get(key: number): number {
    const at = this.slot(key);
    return this.keys[at] === key ? (this.values[at] ?? key) : key;
  }

  set(key: number, value: number): void {
    const at = this.slot(key);
    this.values[at] = value;
    if (this.keys[at] === key) return;
    this.keys[at] = key;
    this.count += 1;
    if (this.count * 2 > this.keys.length) this.grow();
  }

  private grow(): void {
    const { keys, values } = this;
    this.keys = new Float64Array(keys.length * 2).fill(-1);
    this.values = new Float64Array(keys.length * 2);
    keys.forEach((key, i) => {
      if (key === -1) return;
      const at = this.slot(key);
      this.keys[at] = key;
      this.values[at] = values[i] ?? 0;
    });
  }
}

/** The drum: tickets 0 … total−1 in random order without repetition (sparse Fisher–Yates). */
export class Drum {
  private readonly stream: Keystream;
  private readonly swaps = new Swaps();
  private taken = 0;

  constructor(
    seed: Uint8Array,
    private readonly total: number,
    id: number,
  ) {
    this.stream = new Keystream(seed, id);
  }

  /** The next ticket, or `null` when the drum is empty. */
  next(): number | null {
    const t = this.taken;
    if (t >= this.total) return null;
    const j = t + this.stream.uniform(this.total - t);
    const ticket = this.swaps.get(j);
    this.swaps.set(j, this.swaps.get(t));
    this.taken += 1;
    return ticket;
  }
}

/** First tickets of all owners: `starts[i]` = sum of the weights before i; one more entry for the total. */
export function ticketStarts(weights: Float64Array): Float64Array {
  const starts = new Float64Array(weights.length + 1);
  let sum = 0;
  for (let i = 0; i < weights.length; i++) {
    starts[i] = sum;
    sum += weights[i] ?? 0;
  }
  starts[weights.length] = sum;
  return starts;
}

/** The last position whose start is not above the ticket. */
export function ownerOf(starts: Float64Array, ticket: number): number {
  let low = 0;
  let high = starts.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if ((starts[middle] ?? 0) <= ticket) low = middle;
    else high = middle;
  }
  return low;
}

/** A ticket that was taken, its owner, and whether that made the owner a winner. */
export type Taken = (ticket: number, owner: number, wins: boolean) => void;

/** The winners (indexes by rank) from all weights. Fewer than k when not so many have a ticket. */
export function drawWinners(seed: Uint8Array, weights: Float64Array, k: number, taken?: Taken): number[] {
  const starts = ticketStarts(weights);
  const drum = new Drum(seed, starts[weights.length] ?? 0, 0);
  const chosen = new Set<number>();
  while (chosen.size < k) {
    const ticket = drum.next();
    if (ticket === null) break;
    const owner = ownerOf(starts, ticket);
    taken?.(ticket, owner, !chosen.has(owner));
    chosen.add(owner);
  }
  return [...chosen];
}

/** The parts of a split total, by rank of the winner; every division is equally likely. */
export function split(seed: Uint8Array, total: number, k: number, least: number): number[] {
  if (k === 1) return [total];
  const rest = total - k * (least - 1);
  const drum = new Drum(seed, rest - 1, 1);
  const cuts = new Float64Array(k + 1);
  for (let i = 1; i < k; i++) cuts[i] = (drum.next() ?? 0) + 1;
  cuts[k] = rest;
  cuts.sort();
  return Array.from({ length: k }, (_, j) => (cuts[j + 1] ?? 0) - (cuts[j] ?? 0) + least - 1);
}

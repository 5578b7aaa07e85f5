/** A repeatable stream of numbers 0 ≤ x < 1: all screens roll the same names. Not for drawing lots. */
export function stream(seed: number): () => number {
  let state = seed >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state / 0x1_0000_0000;
  };
}

/** Most reels side by side; more winners than that stay unknown until the cards come. */
export const MAX_REELS = 5;

/** Names of each reel from top to bottom; with few winners the last name is the winner's. */
export function reelsOf(
  names: readonly string[],
  winners: readonly string[],
  seed: number,
  length = 30,
): string[][] {
  const next = stream(seed);
  const known = winners.length <= MAX_REELS;
  const count = known ? winners.length : MAX_REELS;
  const from = names.length > 0 ? names : winners;
  return Array.from({ length: count }, (_, reel) => {
    const out = Array.from({ length }, () => from[Math.floor(next() * from.length)] ?? '');
    const last = winners[reel];
    if (known && last !== undefined) out[length - 1] = last;
    return out;
  });
}

/** Part of the way that a reel has gone after `t` of its time (0…1): fast, then slower and slower. */
export function eased(t: number): number {
  const left = 1 - Math.min(1, Math.max(0, t));
  return 1 - left * left * left;
}

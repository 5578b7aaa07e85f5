/** A repeatable stream of numbers 0 ≤ x < 1: all screens paint the same. Not for drawing lots. */
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

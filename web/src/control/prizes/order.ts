/** By their place in the list. */
export function byOrder<T extends { ord: number }>(items: readonly T[]): T[] {
  return [...items].sort((a, b) => a.ord - b.ord);
}

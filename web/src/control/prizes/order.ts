/** By their place in the list. */
export function byOrder<T extends { ord: number }>(items: readonly T[]): T[] {
  return [...items].sort((a, b) => a.ord - b.ord);
}

/** The list with one taken out and put to another place; `null` where that changes nothing. */
export function moved<T>(list: readonly T[], from: number, to: number): T[] | null {
  const one = list[from];
  if (one === undefined || from === to || to < 0 || to >= list.length) return null;
  const others = list.filter((_, i) => i !== from);
  return [...others.slice(0, to), one, ...others.slice(to)];
}

/** Which of these boxes a point is in, or nearest to. */
export function nearest(
  boxes: readonly { left: number; top: number; right: number; bottom: number }[],
  x: number,
  y: number,
): number | null {
  let best: number | null = null;
  let least = Number.POSITIVE_INFINITY;
  for (const [i, { left, top, right, bottom }] of boxes.entries()) {
    const far = Math.hypot(x - Math.min(Math.max(x, left), right), y - Math.min(Math.max(y, top), bottom));
    if (far < least) {
      least = far;
      best = i;
    }
  }
  return best;
}

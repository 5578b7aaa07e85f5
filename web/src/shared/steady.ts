/**
 * A clock that nobody sets, ms since 1970 as this page began: when the machine's own clock jumps to the right time, nothing
 * that is counted by this one jumps. The same in a page and its workers.
 */
export function steadyNow(): number {
  const { timeOrigin } = performance;
  // Old browsers do not tell it; theirs is the machine's clock.
  return timeOrigin > 0 ? timeOrigin + performance.now() : Date.now();
}

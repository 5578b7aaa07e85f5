import { onScopeDispose } from 'vue';

/** Keeps the machine's display on while the page is seen; a browser without that, or a page without TLS, goes without. */
export function useWakeLock(): void {
  let lock: WakeLockSentinel | null = null;
  let gone = false;

  async function hold(): Promise<void> {
    // It ends by itself when the page is hidden.
    if (gone || document.visibilityState !== 'visible' || !('wakeLock' in navigator)) return;
    if (lock !== null && !lock.released) return;
    try {
      const taken = await navigator.wakeLock.request('screen');
      if (gone) await taken.release();
      else lock = taken;
    } catch {
      // A battery that runs low, say; asked again when the page is seen again.
    }
  }

  const seen = (): void => void hold();
  document.addEventListener('visibilitychange', seen);
  onScopeDispose(() => {
    gone = true;
    document.removeEventListener('visibilitychange', seen);
    void lock?.release().catch(() => undefined);
  });
  void hold();
}

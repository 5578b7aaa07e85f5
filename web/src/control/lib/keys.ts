import { onMounted, onScopeDispose } from 'vue';

/** Things that use the space bar themselves, or that one types into. */
const OWN_KEYS =
  'input, textarea, select, button, summary, [contenteditable], [role="button"], [role="menuitem"]';

function dialogOpen(): boolean {
  for (const overlay of document.querySelectorAll('.el-overlay')) {
    if (overlay.getClientRects().length > 0) return true;
  }
  return false;
}

/** Space and PageDown (what clickers send) do the next step; never while typing or in a dialog. */
export function useNextKey(next: () => void): void {
  const pressed = (event: KeyboardEvent): void => {
    if (event.code !== 'Space' && event.code !== 'PageDown') return;
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey || event.repeat) return;
    if (dialogOpen()) return;
    const target = event.target instanceof Element ? event.target : null;
    const typing = target?.closest('input, textarea, select, [contenteditable]') ?? null;
    if (typing !== null) return;
    // A focused button answers the space bar itself; PageDown means nothing to it.
    if (event.code === 'Space' && target?.closest(OWN_KEYS)) return;
    event.preventDefault();
    next();
  };
  // Whoever presses a button with a pointer does not mean it to have the space bar from then on.
  const clicked = (event: MouseEvent): void => {
    if (event.detail === 0 || !(event.target instanceof Element) || dialogOpen()) return;
    const button = event.target.closest('button, a[href], summary');
    if (button instanceof HTMLElement) button.blur();
  };
  onMounted(() => {
    document.addEventListener('keydown', pressed);
    document.addEventListener('click', clicked);
  });
  onScopeDispose(() => {
    document.removeEventListener('keydown', pressed);
    document.removeEventListener('click', clicked);
  });
}

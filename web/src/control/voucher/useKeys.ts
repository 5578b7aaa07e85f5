import { onMounted, onScopeDispose } from 'vue';

/** Single keys do things, but never while somebody types, in a dialog, or together with Ctrl and its like. */
export function useKeys(keys: Record<string, () => void>): void {
  const pressed = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.isComposing) return;
    const target = event.target instanceof Element ? event.target : null;
    if (target?.closest('input, textarea, select, [contenteditable], [role="dialog"]')) return;
    const act = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (act === undefined) return;
    event.preventDefault();
    act();
  };
  onMounted(() => document.addEventListener('keydown', pressed));
  onScopeDispose(() => document.removeEventListener('keydown', pressed));
}

import { onScopeDispose, type Ref, ref } from 'vue';

/** Nothing may move: the machine is weak (`?low`), or whoever set it up wants it so. */
export function useStill(): Readonly<Ref<boolean>> {
  const motion = matchMedia('(prefers-reduced-motion: reduce)');
  const low = new URLSearchParams(location.search).has('low');
  const still = ref(low || motion.matches);
  const read = (): void => {
    still.value = low || motion.matches;
  };
  motion.addEventListener('change', read);
  onScopeDispose(() => motion.removeEventListener('change', read));
  return still;
}

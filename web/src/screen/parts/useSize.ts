import { onBeforeUnmount, onMounted, type Ref, ref } from 'vue';

/** Inner size of an element, px, kept up to date. */
export function useSize(element: Readonly<Ref<HTMLElement | null>>) {
  const width = ref(0);
  const height = ref(0);
  let observer: ResizeObserver | null = null;
  const read = (): void => {
    if (element.value === null) return;
    width.value = element.value.clientWidth;
    height.value = element.value.clientHeight;
  };
  onMounted(() => {
    read();
    if (element.value === null || typeof ResizeObserver === 'undefined') return;
    observer = new ResizeObserver(read);
    observer.observe(element.value);
  });
  onBeforeUnmount(() => observer?.disconnect());
  return { width, height };
}

/** The screen's unit, px: a hundredth of the height of the largest 16:9 that fits. */
export function unit(): number {
  return Math.min(innerHeight / 100, (innerWidth / 100) * 0.5625);
}

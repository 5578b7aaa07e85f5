import { type InjectionKey, inject, type Ref, ref } from 'vue';

/** The server's clock, ms, for countdowns: all screens show the same second. */
export const CLOCK: InjectionKey<Readonly<Ref<number>>> = Symbol('clock');

export function useClock(): Readonly<Ref<number>> {
  return inject(CLOCK, () => ref(Date.now()), true);
}

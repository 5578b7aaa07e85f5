import { type InjectionKey, inject, type ShallowRef, shallowRef } from 'vue';
import type { Card } from './engine';

/** Where the winners' cards stand on the page: the stage lets names fly there. */
export const CARDS: InjectionKey<ShallowRef<readonly Card[]>> = Symbol('cards');

export function useCards(): ShallowRef<readonly Card[]> {
  return inject(CARDS, () => shallowRef([]), true);
}

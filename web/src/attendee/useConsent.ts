import { computed, type Ref, ref, shallowRef } from 'vue';
import { useI18n } from 'vue-i18n';
import { api } from '../shared/api';
import type { Wire } from '../wire';

/**
 * What somebody agrees to before binding: the server's own words, whose version is recorded. `agreedTo` is the version that
 * was agreed to before the page was loaded anew.
 */
export function useConsent(agreedTo: string | null = null) {
  const { t, locale } = useI18n();
  const agreed: Ref<boolean> = ref(false);
  /** Ours stand in only where the server's cannot be fetched. */
  const words = shallowRef<Wire['ConsentText'] | null>(null);

  let before = agreedTo;

  /** Fetches them anew; a tick before they came was for other words. */
  async function fetchWords(): Promise<void> {
    words.value = await api.get<Wire['ConsentText']>('/api/consent').catch(() => null);
    if (words.value !== null) agreed.value = words.value.version === before;
    before = null;
  }
  fetchWords();

  return {
    agreed,
    text: computed(() => (locale.value === 'en' ? words.value?.en : words.value?.zh) ?? t('bind.consent')),
    version: computed(() => words.value?.version ?? null),
    fetchWords,
  };
}

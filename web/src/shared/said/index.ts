import { ref, shallowRef } from 'vue';
import { Catalogue } from './catalogue';

/** Sentences that pages say themselves in the server's place. */
const OURS = {
  '网络不通，请稍后再试': 'No connection, please try again later',
  '网络太慢，正在重试': 'The network is too slow, trying again',
};

const speaking = ref('zh');
const english = shallowRef<Catalogue | null>(null);

/** Chooses the language of `said`; English comes as a file of its own, which Chinese readers never load. */
export async function speak(lang: string): Promise<void> {
  speaking.value = lang;
  if (lang !== 'en' || english.value !== null) return;
  if (globalThis.navigator?.onLine === false) {
    addEventListener('online', () => void speak(speaking.value), { once: true });
    return;
  }
  try {
    const { default: sentences } = await import('./en.json');
    english.value = new Catalogue({ ...sentences, ...OURS });
  } catch {
    // Without it the server's own sentence stands; the next choice of English tries again.
  }
}

/** A sentence of the server in the reader's language. Reactive: templates that call it follow the switch. */
export function said(text: string): string {
  if (speaking.value !== 'en' || english.value === null) return text;
  return english.value.say(text);
}

import { ref } from 'vue';
import { useI18n } from 'vue-i18n';
import { fetchOk } from '../shared/api';
import { ofMeeting } from '../shared/page';
import type { Memory } from './keep';

/** The public proof and what only this phone has, in one file: what proves my place anywhere, or a fraud. */
export function useEvidence(meeting: string, memory: Memory) {
  const { t } = useI18n();
  const busy = ref(false);
  const said = ref('');

  async function collect(): Promise<string> {
    busy.value = true;
    said.value = '';
    let bundle: unknown = null;
    try {
      bundle = await (await fetchOk(ofMeeting(meeting, '/proof'))).json();
    } catch {
      // What this phone kept is worth saving also when the server keeps its part back.
      said.value = t('mine.failed');
    }
    busy.value = false;
    return JSON.stringify({ bundle, ...memory.evidence() });
  }

  async function save(): Promise<void> {
    const url = URL.createObjectURL(new Blob([await collect()], { type: 'application/json' }));
    const link = document.createElement('a');
    link.href = url;
    link.download = `${meeting}-mine.json`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 0);
  }

  /** Where an app's browser saves no files. */
  async function copy(): Promise<void> {
    await navigator.clipboard.writeText(await collect());
    said.value ||= t('mine.copied');
  }

  return { busy, said, save, copy };
}

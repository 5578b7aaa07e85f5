import { nextTick, type Ref, ref, watch } from 'vue';
import { useI18n } from 'vue-i18n';
import { ask } from './ask';

/**
 * Keeps what was typed into a dialog: a click beside it does nothing, and Esc, the cross and `leave` (the cancel button)
 * ask first. `guard` goes to the dialog with `v-bind`; saving closes it as before.
 */
export function useGuard(open: Ref<boolean>, form: () => unknown) {
  const { t } = useI18n();
  const clean = ref('');
  const now = (): string => JSON.stringify(form());

  watch(
    open,
    async (on) => {
      if (!on) return;
      // What fills the form hears of the opening too, in whatever order.
      await nextTick();
      clean.value = now();
    },
    { immediate: true, flush: 'post' },
  );

  async function leave(): Promise<void> {
    if (now() !== clean.value && !(await ask(t('form.discardAsk'), t('form.discard'), t('form.keep'))))
      return;
    open.value = false;
  }

  return { guard: { closeOnClickModal: false, beforeClose: () => void leave() }, leave };
}

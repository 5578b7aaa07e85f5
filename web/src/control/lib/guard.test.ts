// @vitest-environment jsdom
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { createApp, defineComponent, h, nextTick, ref } from 'vue';
import { useGuard } from './guard';

const ask = vi.hoisted(() => vi.fn());
vi.mock('./ask', () => ({ ask }));
vi.mock('vue-i18n', () => ({ useI18n: () => ({ t: (key: string) => key }) }));

function dialog() {
  const open = ref(false);
  const form = ref({ name: '' });
  let made!: ReturnType<typeof useGuard>;
  const Host = defineComponent({
    setup() {
      made = useGuard(open, () => form.value);
      return () => h('i');
    },
  });
  createApp(Host).mount(document.createElement('div'));
  return { open, form, made };
}

async function opened() {
  const all = dialog();
  all.open.value = true;
  all.form.value = { name: 'as it was' };
  await nextTick();
  await nextTick();
  return all;
}

describe('a dialog with a form', () => {
  beforeEach(() => {
    ask.mockReset();
  });

  it('closes without a question while nothing was typed, and never by a click beside it', async () => {
    const { open, made } = await opened();
    expect(made.guard.closeOnClickModal).toBe(false);
    await made.leave();
    expect(open.value).toBe(false);
    expect(ask).not.toHaveBeenCalled();
  });

  it('asks before it throws away what was typed', async () => {
    const { open, form, made } = await opened();
    form.value.name = 'typed';
    ask.mockResolvedValueOnce(false).mockResolvedValueOnce(true);
    await made.leave();
    expect(open.value).toBe(true);
    await made.leave();
    expect(open.value).toBe(false);
  });
});

import { type ComputedRef, computed } from 'vue';
import { useI18n } from 'vue-i18n';
import { api } from '../../shared/api';
import type { Wire } from '../../wire';
import { useLoad } from '../lib/load';

type Channel = Wire['PayChannel'];

/** The channels that this server can pay by, as choices. */
export function useChannels(): {
  options: ComputedRef<{ value: Channel; label: string }[]>;
  load: () => void;
} {
  const { t } = useI18n();
  const { data, load } = useLoad((signal) => api.get<Wire['SenderView']>('/api/sender', { signal }));
  const options = computed(() =>
    (data.value?.channels ?? []).map((value) => ({ value, label: t(`channel.${value}`) })),
  );
  return { options, load };
}

import { computed, onBeforeUnmount, onMounted, ref, watch } from 'vue';
import type { Wire } from '../../wire';
import type { View } from '../scene';
import { type Mood, Player, type Tune } from './music';

function moodOf(view: View | null): Mood {
  switch (view?.name) {
    case 'ready':
      return 'ready';
    case 'randomness':
      return view.draw.state === 'closed' ? 'wait' : 'ready';
    case 'drawing':
      return 'roll';
    case 'winners':
      return 'joy';
    case 'void':
    case 'pause':
      return 'silence';
    default:
      return 'calm';
  }
}

/** Music for what is shown. Browsers let it sound only after somebody pressed something: until then the page says so. */
export function useMusic(show: () => Wire['Show'] | undefined, view: () => View | null, now: () => number) {
  const player = new Player(now);
  /** Somebody has touched the page, and did not turn it off here. */
  const heard = ref(false);
  const mood = computed(() => moodOf(view()));
  const since = computed(() => {
    const at = view();
    return at !== null && 'draw' in at ? (at.draw.revealed_at ?? 0) : 0;
  });
  /** The host's own piece for this phase. */
  const track = computed(() => (mood.value === 'silence' ? '' : (show()?.tracks?.[mood.value] ?? '')));
  const own = computed(() => Object.keys(show()?.tracks ?? {}).length > 0);
  const wanted = computed(() => show() !== undefined && (show()?.music !== 'off' || own.value));

  function tune(music: Wire['ShowMusic'] | undefined): Tune | null {
    const made = music === undefined || music === 'off' ? null : music;
    if (made === null && track.value === '') return null;
    return { music: made ?? 'festive', mood: mood.value, since: since.value, track: track.value };
  }

  watch(
    () =>
      [
        wanted.value && heard.value,
        show()?.music,
        show()?.volume,
        mood.value,
        since.value,
        track.value,
      ] as const,
    ([on, music, volume]) => player.play(on ? tune(music) : null, (volume ?? 0) / 100),
    { immediate: true },
  );

  function touched(event: Event): void {
    if (event.target instanceof Element && event.target.closest('.sound') !== null) return;
    if (!heard.value && player.unlock()) heard.value = true;
  }
  function toggle(): void {
    heard.value = heard.value ? false : player.unlock();
  }
  onMounted(() => {
    addEventListener('pointerdown', touched, { once: true });
    addEventListener('keydown', touched, { once: true });
  });
  onBeforeUnmount(() => {
    removeEventListener('pointerdown', touched);
    removeEventListener('keydown', touched);
    player.end();
  });
  return { wanted, heard, toggle };
}

import { onScopeDispose, watch } from 'vue';
import { pictureUrl } from '../../shared/pictures';
import type { Stage } from './stage';

/** A hall's network fails for a while: the picture is asked for again after this time. */
const AGAIN_MS = 5_000;

async function fetched(id: string): Promise<ImageBitmap> {
  const response = await fetch(pictureUrl(id));
  if (!response.ok) throw new Error(`picture ${response.status}`);
  return createImageBitmap(await response.blob());
}

/** Brings the host's background picture onto the stage; the theme's own is there until it has come. */
export function usePicture(id: () => string, stage: () => Stage | null): void {
  let timer: ReturnType<typeof setTimeout> | undefined;

  async function bring(wanted: string, to: Stage): Promise<void> {
    try {
      const picture = wanted === '' ? null : await fetched(wanted);
      if (id() === wanted && stage() === to) to.show(picture);
      else picture?.close();
    } catch {
      if (id() === wanted && stage() === to) timer = setTimeout(bring, AGAIN_MS, wanted, to);
    }
  }

  watch([id, stage] as const, ([wanted, to], [before]) => {
    clearTimeout(timer);
    // The stage begins without one.
    if (to !== null && (wanted !== '' || (before ?? '') !== '')) void bring(wanted, to);
  });
  onScopeDispose(() => clearTimeout(timer));
}

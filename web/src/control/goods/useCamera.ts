import { onScopeDispose, type Ref, ref, type ShallowRef } from 'vue';
import { reader } from './reader';

/** Time between two looks at the picture. */
const LOOK_MS = 150;

export type CameraState = 'off' | 'starting' | 'on' | 'refused' | 'none';

export interface Camera {
  state: Readonly<Ref<CameraState>>;
  start(): Promise<void>;
  stop(): void;
}

/** Looks through the phone's camera until it reads a code, and then stops. */
export function useCamera(
  video: Readonly<ShallowRef<HTMLVideoElement | null>>,
  read: (text: string) => void,
): Camera {
  const state = ref<CameraState>('off');
  let stream: MediaStream | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  /** Counts starts: what an earlier one still waits for is thrown away. */
  let turn = 0;

  function stop(): void {
    turn += 1;
    clearTimeout(timer);
    for (const track of stream?.getTracks() ?? []) track.stop();
    stream = null;
    if (state.value === 'on' || state.value === 'starting') state.value = 'off';
  }

  async function look(mine: number): Promise<void> {
    const text = video.value === null ? null : await (await reader())(video.value).catch(() => null);
    if (mine !== turn) return;
    if (text === null) {
      timer = setTimeout(look, LOOK_MS, mine);
      return;
    }
    stop();
    read(text);
  }

  async function start(): Promise<void> {
    stop();
    const mine = turn;
    // Only pages that came over https have it.
    if (navigator.mediaDevices === undefined) {
      state.value = 'none';
      return;
    }
    state.value = 'starting';
    try {
      const opened = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment' } });
      if (mine !== turn || video.value === null) {
        for (const track of opened.getTracks()) track.stop();
        return;
      }
      stream = opened;
      video.value.srcObject = opened;
      await video.value.play();
    } catch (cause) {
      if (mine !== turn) return;
      stop();
      state.value = cause instanceof DOMException && cause.name === 'NotFoundError' ? 'none' : 'refused';
      return;
    }
    if (mine !== turn) return;
    state.value = 'on';
    void look(mine);
  }

  onScopeDispose(stop);
  return { state, start, stop };
}

import { steadyNow } from '../../shared/steady';
import { Engine, type Frame, type Person, type Setting } from './engine';

/** What the page sends. Lists come only when they have changed. */
export type Order =
  | { start: { canvas: OffscreenCanvas; back: OffscreenCanvas; without: boolean } }
  | {
      set: Omit<Setting, 'people' | 'winners'>;
      people?: readonly Person[];
      winners?: readonly Person[];
      offset: number;
    }
  | { size: Frame }
  | { picture: ImageBitmap | null }
  | { hidden: boolean };

let engine: Engine | null = null;
let people: readonly Person[] = [];
let winners: readonly Person[] = [];
/** Server's clock less this machine's, ms. */
let offset = 0;

/** Draws the stage beside the page: however slow the drawing is, the page stays quick. */
self.onmessage = ({ data }: MessageEvent<Order>) => {
  if ('start' in data) {
    const { canvas, back, without } = data.start;
    engine = new Engine(canvas, back, {
      now: () => steadyNow() + offset,
      active: (on) => self.postMessage({ active: on }),
      spot: (part) => self.postMessage({ spot: part }),
      failed: () => self.postMessage({ failed: true }),
      again: () => self.postMessage({ again: true }),
      without,
    });
  } else if ('set' in data) {
    people = data.people ?? people;
    winners = data.winners ?? winners;
    offset = data.offset;
    engine?.set({ ...data.set, people, winners });
  } else if ('size' in data) engine?.resize(data.size);
  else if ('picture' in data) engine?.show(data.picture);
  else if (engine !== null) engine.hidden = data.hidden;
};

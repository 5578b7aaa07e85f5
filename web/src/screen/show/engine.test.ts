import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Engine, type Setting } from './engine';
import type { Surface } from './surface';

const made = vi.hoisted(() => ({ renderers: 0, drawn: 0 }));

vi.mock('./backdrop', () => ({ paintBackdrop: () => undefined }));
vi.mock('./names', () => ({ drawNames: () => () => undefined }));
vi.mock('./gl', () => ({
  TEXTURE: 2048,
  viewOf: () => [0, 0, 1],
  around: () => [0, 0, 1, 1],
  Renderer: class {
    software = true;

    constructor() {
      made.renderers += 1;
    }
    backdrop(): void {}
    keep(): void {}
    end(): void {}
    draw(): void {
      made.drawn += 1;
    }
  },
}));

/** A stage on a machine that shows a frame whenever the test says so. */
function stage() {
  const events = new Map<string, (event: Event) => void>();
  const surface = {
    width: 0,
    height: 0,
    getContext: () => ({}),
    addEventListener: (name: string, run: (event: Event) => void) => events.set(name, run),
    removeEventListener: () => undefined,
  } as unknown as Surface;
  let next: ((at: number) => void) | null = null;
  let at = 1000;
  vi.stubGlobal('requestAnimationFrame', (run: (at: number) => void) => {
    next = run;
    return 1;
  });
  vi.stubGlobal('cancelAnimationFrame', () => {
    next = null;
  });
  const said: string[] = [];
  const engine = new Engine(surface, surface, {
    now: () => at,
    active: () => undefined,
    spot: () => undefined,
    failed: () => said.push('failed'),
    again: () => said.push('again'),
    without: false,
  });
  const setting: Setting = {
    theme: 'red',
    style: 'sphere',
    pace: 'wait',
    since: 0,
    people: [],
    winners: [],
    k: 1,
    seed: 1,
    cards: [],
    still: false,
  };
  engine.resize({ width: 1920, height: 1080, ratio: 1, font: 'sans-serif' });
  engine.set(setting);
  return {
    said,
    draw: (change: Partial<Setting>) => engine.set({ ...setting, ...change }),
    happens: (name: string) => events.get(name)?.({ preventDefault: () => undefined } as Event),
    /** So many ms with a frame in each `every` of them. */
    frames: (ms: number, every: number) => {
      for (const end = at + ms; at < end; at += every) {
        const run = next;
        next = null;
        run?.(at);
      }
    },
  };
}

beforeEach(() => {
  made.renderers = 0;
  made.drawn = 0;
});
afterEach(() => vi.unstubAllGlobals());

describe('the stage', () => {
  it('goes on when the graphics card is back', () => {
    const { said, happens, frames } = stage();
    frames(1_000, 20);
    happens('webglcontextlost');
    expect(said).toEqual(['failed']);
    const { drawn } = made;
    frames(1_000, 20);
    expect(made.drawn).toBe(drawn);
    happens('webglcontextrestored');
    frames(1_000, 20);
    expect([said, made.renderers]).toEqual([['failed', 'again'], 2]);
    expect(made.drawn).toBeGreaterThan(drawn);
  });

  it('gives up on a machine that cannot follow, and tries once more at each new draw', () => {
    const { said, draw, frames } = stage();
    frames(30_000, 200);
    expect(said).toEqual(['failed']);
    draw({ k: 2 });
    draw({ seed: 2, pace: 'reveal' });
    expect(said).toEqual(['failed']);
    draw({ seed: 2 });
    expect(said).toEqual(['failed', 'again']);
    frames(30_000, 200);
    expect(said).toEqual(['failed', 'again', 'failed']);
    draw({ seed: 3 });
    draw({ seed: 3, k: 2 });
    frames(30_000, 20);
    expect([said.at(-1), made.renderers]).toEqual(['again', 1]);
  });
});

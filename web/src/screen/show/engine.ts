import { paletteOf, type ThemeName } from '../../shared/themes';
import type { Context } from './atlas';
import { paintBackdrop } from './backdrop';
import { colorsOf } from './colors';
import { compose } from './frame';
import { type Region, Renderer } from './gl';
import { globePlace, globeShape } from './globe';
import { type Beat, CONFETTI_MS, FLY_MS, type Pace, SPIN_MS } from './motion';
import type { Box } from './names';
import { Quads } from './quads';
import { GROW_MS } from './regions';
import { FLAT_NAMES, type StyleName } from './styles';
import type { Surface } from './surface';
import { fillTexture } from './textures';

export interface Person {
  no: number;
  name: string;
}

/** A card on the page, px from the top left of the frame. */
export interface Card {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** All that decides what is seen; with the server's clock it decides every frame. */
export interface Setting {
  theme: ThemeName;
  style: StyleName;
  /** `null`: only the background. */
  pace: Pace | null;
  since: number;
  people: readonly Person[];
  winners: readonly Person[];
  k: number;
  seed: number;
  cards: readonly Card[];
  /** Nothing moves. */
  still: boolean;
}

/** What is given up, step by step, on a machine that cannot follow. */
const LEVELS = [
  { scale: 1, names: 10_000 },
  { scale: 0.75, names: 3_000 },
  { scale: 0.5, names: 1_000 },
] as const;
/** Slower than this over a whole window, a level is given up; hidden pages do not count. */
const SLOW_FPS = 14;
const WINDOW_MS = 3_000;
/** Pixels of a frame that a processor, or a graphics card, can be asked for. */
const PIXELS = { software: 2_100_000, hardware: 8_400_000 };
const FRAME_QUADS = 2_400;
/** Most winners that are drawn coming forward. */
const HEROES = 450;

/** Size of the letters of heroes, px: few are seen large. */
function heroSize(count: number): number {
  if (count <= 5) return 150;
  if (count <= 20) return 72;
  return count <= 100 ? 40 : 26;
}

/** The frame on the page. */
export interface Frame {
  /** Its size, px of the page. */
  width: number;
  height: number;
  /** Pixels of the display in one of the page. */
  ratio: number;
  font: string;
}

/** What the engine needs to know, and whom it tells. */
export interface Around {
  /** The server's clock, ms. */
  now(): number;
  /** Something moves now, or nothing any more. */
  active(on: boolean): void;
  /** All is dark but for this part of the frame; `null`: it is not. */
  spot(part: Region | null): void;
  /** There is no WebGL, or the machine cannot follow. */
  failed(): void;
  /** It goes again after all. */
  again(): void;
  /** Only the background is wanted. */
  without: boolean;
}

/** The stage: names on a canvas, driven by the server's clock. Runs in a worker, or on the page where it must. */
export class Engine {
  private renderer: Renderer | null = null;
  /** Given up because the machine could not follow; the next draw tries again. */
  private resting: Renderer | null = null;
  /** The draw at which something was tried again last. */
  private tried = 0;
  private setting: Setting | null = null;
  private readonly quads = new Quads(FRAME_QUADS);
  private names: readonly Box[] = [];
  /** Places in the texture by number of the person. */
  private places: ReadonlyMap<number, number> = new Map();
  private heroes: readonly Box[] = [];
  private stopNames: () => void = () => undefined;
  private stopHeroes: () => void = () => undefined;
  private frame = 0;
  private level = 0;
  private slow = { from: 0, frames: 0 };
  private on = false;
  private spot: Region | null = null;
  private size: Frame = { width: 0, height: 0, ratio: 1, font: 'sans-serif' };
  private colors = colorsOf('red');
  private picture: ImageBitmap | null = null;
  /** Nobody sees the page: it is not slow then. */
  hidden = false;

  constructor(
    private readonly canvas: Surface,
    private readonly back: Surface,
    private readonly around: Around,
  ) {
    if (around.without) return;
    try {
      this.renderer = new Renderer(canvas);
    } catch {
      around.failed();
    }
    canvas.addEventListener('webglcontextlost', this.lost);
    canvas.addEventListener('webglcontextrestored', this.restored);
  }

  private readonly lost = (event: Event): void => {
    // Otherwise it would never be restored.
    event.preventDefault();
    this.giveUp();
    this.resting = null;
  };

  /** The graphics card is back (its driver was renewed, the machine slept): what was on it is made anew. */
  private readonly restored = (): void => {
    if (this.renderer !== null) return;
    try {
      this.wake(new Renderer(this.canvas));
    } catch {
      // It stays as it is.
    }
  };

  private wake(renderer: Renderer): void {
    this.renderer = renderer;
    this.names = [];
    this.backdrop();
    this.place();
    this.renew();
    this.renewHeroes();
    this.around.again();
    this.go();
  }

  /** A new draw begins: one step of what was given up is tried again, for the machine may have been busy otherwise. */
  private retry({ pace, seed }: Setting): void {
    if (pace !== 'wait' || seed === this.tried) return;
    this.tried = seed;
    if (this.level === 0) return;
    this.level -= 1;
    const { resting } = this;
    this.resting = null;
    if (resting !== null) this.wake(resting);
    else {
      this.backdrop();
      this.renew();
    }
  }

  private giveUp(): void {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    if (this.renderer === null) return;
    this.resting = this.renderer;
    this.renderer = null;
    this.on = false;
    this.around.failed();
  }

  /** Takes over what is to be seen, and renews only what has changed. */
  set(next: Setting): void {
    const before = this.setting;
    this.setting = next;
    if (next.theme !== before?.theme) {
      this.colors = colorsOf(next.theme);
      this.backdrop();
    }
    // Colours stand in the quads of the globe; and something can be drawn before the names have come.
    if (next.theme !== before?.theme || next.style !== before?.style) this.place();
    if (next.people !== before?.people || next.style !== before.style) this.renew();
    if (next.winners !== before?.winners) this.renewHeroes();
    this.retry(next);
    this.go();
  }

  /** The frame has another size. */
  resize(size: Frame): void {
    this.size = size;
    this.backdrop();
    this.go();
  }

  /** The host's picture behind everything, or none any more. */
  show(picture: ImageBitmap | null): void {
    this.picture?.close();
    this.picture = picture;
    this.backdrop();
    this.go();
  }

  private backdrop(): void {
    const { width, height, ratio } = this.size;
    if (width === 0 || height === 0) return;
    const most = this.renderer?.software === false ? PIXELS.hardware : PIXELS.software;
    const wanted = Math.min(ratio, 2) * (LEVELS[this.level]?.scale ?? 1);
    const scale = Math.min(wanted, Math.sqrt(most / (width * height)));
    this.back.width = Math.round(width * scale);
    this.back.height = Math.round(height * scale);
    const context = this.back.getContext('2d', { alpha: false }) as Context | null;
    if (context === null) return;
    const look = { theme: this.setting?.theme ?? 'red', picture: this.picture };
    paintBackdrop(context, this.back.width, this.back.height, look);
    this.renderer?.backdrop(this.back, paletteOf(look.theme).back[2]);
  }

  private renew(): void {
    this.stopNames();
    const { setting, renderer } = this;
    if (setting === null || renderer === null) return;
    const { people } = setting;
    const most = setting.style === 'sphere' ? (LEVELS[this.level]?.names ?? 0) : FLAT_NAMES;
    const step = Math.max(1, people.length / most);
    const shown = Array.from(
      { length: Math.min(people.length, most) },
      (_, i) => people[Math.floor(i * step)],
    ).filter((one) => one !== undefined);
    const em = setting.style === 'sphere' ? globeShape(shown.length).texture : 72;
    const names = shown.map(({ name }) => name);
    this.stopNames = fillTexture(renderer, { as: 'names', names, em, font: this.size.font }, (boxes) => {
      this.names = boxes;
      this.places = new Map(shown.map(({ no }, i) => [no, i]));
      this.place();
      this.go();
    });
  }

  /** Puts the names on the globe. */
  private place(): void {
    const globe = this.setting?.style === 'sphere' ? globePlace(this.names, this.colors) : null;
    this.renderer?.keep(globe, FRAME_QUADS);
  }

  private renewHeroes(): void {
    this.stopHeroes();
    this.heroes = [];
    const { setting, renderer } = this;
    if (setting === null || renderer === null) return;
    const names = setting.winners.slice(0, HEROES).map(({ name }) => name);
    if (names.length === 0) return;
    const em = heroSize(names.length);
    this.stopHeroes = fillTexture(renderer, { as: 'heroes', names, em, font: this.size.font }, (boxes) => {
      this.heroes = boxes;
      this.go();
    });
  }

  private beat(): Beat | null {
    const { setting } = this;
    if (setting === null || setting.pace === null) return null;
    const { pace, since, still } = setting;
    if (!still) return { pace, since, now: this.around.now() };
    // One frame per pace: nothing moves, nobody flies. For the reveal, in the middle of the hall.
    return { pace, since, now: pace === 'reveal' ? since + GROW_MS : since };
  }

  private over({ pace, now, since }: Beat): boolean {
    return pace === 'reveal' && now > since + SPIN_MS + FLY_MS + CONFETTI_MS;
  }

  private go(): void {
    if (this.frame !== 0) return;
    const beat = this.beat();
    this.slow = { from: 0, frames: 0 };
    if (beat !== null && this.renderer !== null && !this.over(beat))
      this.frame = requestAnimationFrame(this.run);
    else this.tell(false);
  }

  private tell(on: boolean): void {
    if (on !== this.on) this.around.active(on);
    if (!on) this.light(null);
    this.on = on;
  }

  private readonly run = (at: number): void => {
    this.frame = 0;
    const beat = this.beat();
    if (beat === null || this.renderer === null || this.over(beat)) {
      this.tell(false);
      return;
    }
    this.draw(beat);
    this.tell(true);
    if (this.setting?.still) return;
    this.watch(at);
    if (this.renderer !== null) this.frame = requestAnimationFrame(this.run);
  };

  private draw(beat: Beat): void {
    const { setting, renderer, quads, size, names, places, heroes, colors } = this;
    if (setting === null || renderer === null || size.height === 0) return;
    const picture = compose(quads, { setting, size, names, places, heroes, colors }, beat);
    renderer.draw(picture, quads);
    this.light(picture.spot);
  }

  /** Tells where there is something to be seen; `null`: anywhere. */
  private light(spot: Region | null): void {
    if (JSON.stringify(spot) !== JSON.stringify(this.spot)) this.around.spot(spot);
    this.spot = spot;
  }

  /** Gives up what the machine cannot do, at last the whole stage. */
  private watch(at: number): void {
    const { slow } = this;
    if (this.hidden || slow.from === 0 || at - slow.from > 2 * WINDOW_MS) {
      this.slow = { from: at, frames: 0 };
      return;
    }
    slow.frames += 1;
    if (at - slow.from < WINDOW_MS) return;
    const fps = (slow.frames * 1000) / (at - slow.from);
    this.slow = { from: at, frames: 0 };
    if (fps >= SLOW_FPS) return;
    this.level += 1;
    if (this.level >= LEVELS.length) this.giveUp();
    else {
      this.backdrop();
      this.renew();
    }
  }

  end(): void {
    cancelAnimationFrame(this.frame);
    this.canvas.removeEventListener('webglcontextlost', this.lost);
    this.canvas.removeEventListener('webglcontextrestored', this.restored);
    this.stopNames();
    this.stopHeroes();
    (this.renderer ?? this.resting)?.end();
    this.renderer = null;
    this.resting = null;
  }
}

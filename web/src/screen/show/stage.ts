import { steadyNow } from '../../shared/steady';
import { Engine, type Frame, type Person, type Setting } from './engine';
import type { Region } from './gl';
import type { Order } from './stage.worker';
import StageWorker from './stage.worker?worker';

export interface Stage {
  set(setting: Setting): void;
  resize(size: Frame): void;
  /** Takes the picture over: the background from now on. */
  show(picture: ImageBitmap | null): void;
  hide(hidden: boolean): void;
  end(): void;
}

export interface Watcher {
  /** The server's clock, ms. */
  now(): number;
  active(on: boolean): void;
  spot(part: Region | null): void;
  failed(): void;
  again(): void;
  without: boolean;
}

/** Whether the page itself may use WebGL 2: where it is turned off, some browsers still give it to workers. */
export function hasWebGl(): boolean {
  const gl = document.createElement('canvas').getContext('webgl2');
  gl?.getExtension('WEBGL_lose_context')?.loseContext();
  return gl !== null;
}

/** The stage on two canvases: drawn in a worker where canvases can be handed to one, else on the page. */
export function openStage(canvas: HTMLCanvasElement, back: HTMLCanvasElement, watcher: Watcher): Stage {
  const apart = typeof Worker !== 'undefined' && typeof canvas.transferControlToOffscreen === 'function';
  return apart ? beside(canvas, back, watcher) : here(canvas, back, watcher);
}

function beside(canvas: HTMLCanvasElement, back: HTMLCanvasElement, watcher: Watcher): Stage {
  const worker = new StageWorker();
  const send = (order: Order, transfer: Transferable[] = []): void => worker.postMessage(order, transfer);
  const lent = { canvas: canvas.transferControlToOffscreen(), back: back.transferControlToOffscreen() };
  send({ start: { ...lent, without: watcher.without } }, [lent.canvas, lent.back]);
  worker.onmessage = ({ data }) => {
    if (data.failed) watcher.failed();
    else if (data.again) watcher.again();
    else if ('spot' in data) watcher.spot(data.spot);
    else watcher.active(data.active);
  };
  worker.onerror = (event) => {
    event.preventDefault();
    watcher.failed();
  };
  let people: readonly Person[] | null = null;
  let winners: readonly Person[] | null = null;
  return {
    set: ({ people: all, winners: won, ...set }) => {
      const order: Order = { set, offset: watcher.now() - steadyNow() };
      if (all !== people) order.people = people = all;
      if (won !== winners) order.winners = winners = won;
      send(order);
    },
    resize: (size) => send({ size }),
    show: (picture) => send({ picture }, picture === null ? [] : [picture]),
    hide: (hidden) => send({ hidden }),
    end: () => worker.terminate(),
  };
}

function here(canvas: HTMLCanvasElement, back: HTMLCanvasElement, watcher: Watcher): Stage {
  const engine = new Engine(canvas, back, watcher);
  return {
    set: (setting) => engine.set(setting),
    resize: (size) => engine.resize(size),
    show: (picture) => engine.show(picture),
    hide: (hidden) => {
      engine.hidden = hidden;
    },
    end: () => engine.end(),
  };
}

// @vitest-environment jsdom
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createApp, h } from 'vue';
import { useNextKey } from './keys';

const next = vi.fn();
function page(html: string) {
  document.body.innerHTML = `<div id="host"></div>${html}`;
  const app = createApp({
    setup() {
      useNextKey(next);
      return () => h('i');
    },
  });
  app.mount('#host');
  return app;
}

function space(on: Element | null): void {
  (on ?? document.body).dispatchEvent(new KeyboardEvent('keydown', { code: 'Space', bubbles: true }));
}

let app: ReturnType<typeof page> | null = null;
afterEach(() => {
  app?.unmount();
  next.mockReset();
});

describe('the space bar', () => {
  it('goes on also after a click on a tab, which is a link', () => {
    app = page('<a href="#/run">Run</a>');
    const link = document.querySelector('a');
    link?.focus();
    space(document.activeElement);
    expect(next).toHaveBeenCalledTimes(1);
  });

  it('is left to a button that the keyboard has reached', () => {
    app = page('<button>Lobby</button>');
    document.querySelector('button')?.focus();
    space(document.activeElement);
    expect(next).not.toHaveBeenCalled();
  });

  it('is not kept by a button that was pressed with a pointer', () => {
    app = page('<button>Lobby</button>');
    const button = document.querySelector('button');
    button?.focus();
    button?.dispatchEvent(new MouseEvent('click', { bubbles: true, detail: 1 }));
    expect(document.activeElement).toBe(document.body);
    space(document.activeElement);
    expect(next).toHaveBeenCalledTimes(1);
  });

  it('is for who types', () => {
    app = page('<input>');
    document.querySelector('input')?.focus();
    space(document.activeElement);
    expect(next).not.toHaveBeenCalled();
  });
});

import { afterEach, expect, it, vi } from 'vitest';
import { effectScope } from 'vue';
import { useWakeLock } from './useWakeLock';

afterEach(() => vi.unstubAllGlobals());

function page(request?: () => Promise<unknown>) {
  let seen: () => void = () => undefined;
  const document = {
    visibilityState: 'visible',
    addEventListener: (_: string, run: () => void) => {
      seen = run;
    },
    removeEventListener: () => undefined,
  };
  vi.stubGlobal('document', document);
  vi.stubGlobal('navigator', request === undefined ? {} : { wakeLock: { request } });
  const show = async (state: string): Promise<void> => {
    document.visibilityState = state;
    seen();
    await Promise.resolve();
  };
  const scope = effectScope();
  scope.run(useWakeLock);
  return { show, scope };
}

it('holds the display, again when the page is seen again, and lets go at the end', async () => {
  const locks: { released: boolean; release: () => Promise<void> }[] = [];
  const { show, scope } = page(async () => {
    const lock = {
      released: false,
      release: async () => {
        lock.released = true;
      },
    };
    locks.push(lock);
    return lock;
  });
  await Promise.resolve();
  await show('visible');
  expect(locks).toHaveLength(1);
  // As browsers do.
  for (const lock of locks) lock.released = true;
  await show('hidden');
  expect(locks).toHaveLength(1);
  await show('visible');
  expect(locks).toHaveLength(2);
  scope.stop();
  expect(locks[1]?.released).toBe(true);
  await show('visible');
  expect(locks).toHaveLength(2);
});

it('goes without where there is none, or none is given', async () => {
  page();
  const { show } = page(() => Promise.reject(new DOMException('', 'NotAllowedError')));
  await show('visible');
});

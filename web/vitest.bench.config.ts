import { defineConfig } from 'vitest/config';

/** Measurements, run by hand. */
export default defineConfig({
  test: {
    include: ['bench/**/*.bench.ts'],
    environment: 'node',
    testTimeout: 900_000,
  },
});

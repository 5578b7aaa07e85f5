import { defineConfig } from 'vitest/config';

/** Two verifiers on the same cases; `tests/all differential` writes them first. */
export default defineConfig({
  test: {
    include: ['differential/**/*.test.ts'],
    environment: 'node',
    testTimeout: 3_600_000,
  },
});

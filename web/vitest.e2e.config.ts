import { defineConfig } from 'vitest/config';

/** Tests in a real browser against the build: `npm run build && npm run e2e`. */
export default defineConfig({
  test: { include: ['e2e/**/*.e2e.ts'], testTimeout: 60_000, hookTimeout: 60_000, fileParallelism: false },
});

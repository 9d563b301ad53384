import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // Two cores: each file may run a PGlite of its own next to its worker thread.
    maxWorkers: 2,
    globalSetup: ['test/support/services.ts'],
  },
});

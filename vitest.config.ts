import { defineConfig } from 'vitest/config';

/** Four levels of tests (docs/ARCHITECTURE.md): pure ones beside the code, whole clouds in `test/system`, real guests in `test/real`. */
export default defineConfig({
  test: {
    globalSetup: ['test/support/postgres.ts'],
    projects: [
      { extends: true, test: { name: 'unit', include: ['src/**/*.test.ts', 'test/*.test.ts', 'scripts/**/*.test.ts'] } },
      {
        extends: true,
        test: {
          name: 'system',
          include: ['test/system/**/*.test.ts', 'test/simulation/**/*.test.ts'],
          testTimeout: 180_000,
          hookTimeout: 180_000,
        },
      },
      {
        extends: true,
        test: { name: 'real', include: ['test/real/**/*.test.ts'], testTimeout: 600_000, hookTimeout: 600_000, fileParallelism: false },
      },
    ],
  },
});

import { defineConfig } from 'vitest/config';

/** The tests that mutants of the pure rooms must fail: those that say what is right case by case. Laws take too long for each. */
export default defineConfig({
  test: {
    include: ['src/{sandbox,policy}/**/*.test.ts'],
    exclude: ['**/*laws.test.ts'],
    pool: 'forks',
    maxWorkers: 1,
    isolate: false,
  },
});

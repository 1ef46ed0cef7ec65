import { defineConfig } from 'vitest/config';

export const SHARED = { pool: 'forks', maxWorkers: 2, testTimeout: 60_000, hookTimeout: 180_000 } as const;

export const CRUN = { name: 'crun', env: { TEST_RUNTIME: 'crun' } } as const;

/** Everything on the runtime that a server takes by itself; what each runtime must be held to on crun as well. */
export default defineConfig({
  test: {
    ...SHARED,
    projects: [
      { extends: true, test: { name: 'bulkhead', include: ['src/**/*.test.ts', 'test/**/*.test.ts'] } },
      { extends: true, test: { ...CRUN, include: ['test/oci/{contract,sandbox}.test.ts'] } },
    ],
  },
});

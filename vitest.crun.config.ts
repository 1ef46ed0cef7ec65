import { defineConfig } from 'vitest/config';
import { CRUN, SHARED } from './vitest.config.ts';

/** All suites with containers, on crun: `npm run test:crun`. `npm test` has those of `vitest.config.ts`. */
export default defineConfig({
  test: { ...SHARED, ...CRUN, include: ['test/oci/**/*.test.ts', 'test/e2e/{crash,reboot,restart}.test.ts'] },
});

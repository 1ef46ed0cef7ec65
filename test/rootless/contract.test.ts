/** The backend's contract, with all of it in a user namespace of a user without root. */
import { execFile } from 'node:child_process';
import { chown, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import type { TestReport } from '../../scripts/ci/test-count.ts';
import { busyboxLayout } from '../fixtures/images.ts';
import { commandOf, testUser } from '../fixtures/test-user.ts';

const INSIDE = fileURLToPath(new URL('inside.ts', import.meta.url));
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const CONTRACT = 'test/oci/contract.test.ts';
/** Fewer would mean that the suite was not found, or that much of it was passed over. */
const LEAST_TESTS = 30;

it('holds', { timeout: 300_000 }, async () => {
  // The user may not write it.
  await busyboxLayout();
  const folder = await mkdtemp(join(tmpdir(), 'bulkhead-test-'));
  const user = testUser();
  await chown(folder, user.uid, user.gid);
  const report = join(folder, 'report.json');
  const vitest = [`${ROOT}node_modules/vitest/vitest.mjs`, 'run', '--root', ROOT, '--configLoader', 'runner'];
  const [program, ...args] = commandOf(user, [
    process.execPath,
    INSIDE,
    process.execPath,
    ...vitest,
    '--no-cache',
    '--project=bulkhead',
    '--reporter=json',
    `--outputFile=${report}`,
    CONTRACT,
  ]);
  const said = await promisify(execFile)(program, args, { maxBuffer: 2 ** 26 }).then(
    ({ stderr }) => stderr,
    (error: { stderr: string }) => error.stderr,
  );
  const { testResults }: TestReport = JSON.parse(
    await readFile(report, 'utf8').catch(() => {
      throw new Error(`vitest made no report: ${said}`);
    }),
  );
  await rm(folder, { recursive: true });
  const tests = testResults.flatMap(({ assertionResults }) => assertionResults);
  expect(tests.filter(({ status }) => status !== 'passed')).toEqual([]);
  expect(tests.length).toBeGreaterThanOrEqual(LEAST_TESTS);
});

/**
 * Runs the tests and every static check, all of them whatever fails, and ends with `N passed, N failed`, in which
 * each test and each check counts as one. Exits 1 where anything failed or where no test ran.
 */
import { spawnSync } from 'node:child_process';
import { globSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { countTests, type TestReport } from './ci/test-count.ts';

interface Check {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
}

const root = join(import.meta.dirname, '..');
const reportFile = join(root, 'reports', 'tests.json');

const CHECKS: readonly Check[] = [
  { name: 'type check', command: ['npm', 'run', '--silent', 'typecheck'] },
  { name: 'lint', command: ['npm', 'run', '--silent', 'lint'] },
  { name: 'format', command: ['npm', 'run', '--silent', 'format:check'] },
  { name: 'boundaries', command: ['npm', 'run', '--silent', 'boundaries'] },
  { name: 'dead code', command: ['npm', 'run', '--silent', 'deadcode'] },
  { name: 'package', command: ['npm', 'run', '--silent', 'build'] },
  // Cgroup v2, systemd and AppArmor, which the machine may not have: in a virtual one.
  { name: 'host smoke test', command: ['npm', 'run', '--silent', 'test:hosts:smoke'] },
];

const tests = runTests();
const checks = CHECKS.map((check) => ({ ...check, ...run(check) }));

heading('Summary');
for (const line of tests.slowest) console.log(`  ${line}`);
console.log(
  `  ${seconds(tests.ms)}  tests: ${tests.passed} passed, ${tests.failed} failed, ${tests.skipped} skipped`,
);
for (const check of checks)
  console.log(`  ${seconds(check.ms)}  ${check.name}: ${check.ok ? 'ok' : 'FAILED'}`);
for (const fault of tests.faults) console.log(`  FAILED: ${fault}`);

const passed = tests.passed + checks.filter((check) => check.ok).length;
const failed = tests.failed + checks.filter((check) => !check.ok).length;
console.log(`\n${passed} passed, ${failed} failed${tests.skipped > 0 ? `, ${tests.skipped} skipped` : ''}`);
process.exitCode = failed === 0 ? 0 : 1;

function runTests() {
  // A report of an earlier run must not pass for this one's.
  mkdirSync(join(root, 'reports'), { recursive: true });
  rmSync(reportFile, { force: true });
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${reportFile}`];
  const result = run({ name: 'tests', command: ['npm', 'test', '--silent', '--', ...reporters] });
  const files = globSync(['src/**/*.test.ts', 'test/**/*.test.ts'], { cwd: root }).map((file) =>
    join(root, file),
  );
  return { ...countTests(readReport(), files, result.ok), ms: result.ms };
}

function readReport(): TestReport | undefined {
  try {
    return JSON.parse(readFileSync(reportFile, 'utf8'));
  } catch {
    return undefined;
  }
}

function run(check: Check): { ok: boolean; ms: number } {
  heading(check.name);
  const started = performance.now();
  const [program, ...args] = check.command;
  const result = spawnSync(program, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  if (result.error) console.log(`${program}: ${result.error.message}`);
  return { ok: result.status === 0, ms: performance.now() - started };
}

function heading(text: string): void {
  console.log(`\n== ${text} ==`);
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1).padStart(7)} s`;
}

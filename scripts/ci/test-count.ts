/** What vitest's JSON reporter writes, as far as it is read here. */
export interface TestReport {
  readonly testResults: readonly {
    /** The test file's absolute path. */
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: string;
      /** Milliseconds. */
      readonly duration?: number | null;
    }[];
  }[];
}

export interface TestCount {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** What failed without being a test: one line each, counted in `failed`. */
  readonly faults: readonly string[];
  /** The slowest tests, slowest first, one line each. */
  readonly slowest: readonly string[];
}

const SLOWEST = 12;

/**
 * Counts a run, so that nothing passes by being absent: a test file of the tree that isn't in the report, a file that
 * broke before its tests, no test at all, no report, or a bad exit code without a failed test are each a failure.
 */
export function countTests(
  report: TestReport | undefined,
  files: readonly string[],
  exitedWell: boolean,
): TestCount {
  if (report === undefined) {
    return { passed: 0, failed: 1, skipped: 0, faults: ['the tests ended without a report'], slowest: [] };
  }
  const tests = report.testResults.flatMap((file) => file.assertionResults);
  const count = (status: string) => tests.filter((test) => test.status === status).length;
  const passed = count('passed');
  const failed = count('failed');

  const reported = new Set(report.testResults.map((file) => file.name));
  const faults = [
    ...files.filter((file) => !reported.has(file)).map((file) => `${file}: not run`),
    ...report.testResults
      .filter(
        (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
      )
      .map((file) => `${file.name}: ${file.message.split('\n')[0] ?? 'broke outside its tests'}`),
  ];
  if (passed === 0) faults.push('no test passed');
  if (!exitedWell && failed + faults.length === 0)
    faults.push('the test runner failed, though every test passed');

  return {
    passed,
    failed: failed + faults.length,
    skipped: tests.length - passed - failed,
    faults,
    slowest: [...tests]
      .sort((a, b) => (b.duration ?? 0) - (a.duration ?? 0))
      .slice(0, SLOWEST)
      .map((test) => `${((test.duration ?? 0) / 1000).toFixed(1).padStart(7)} s  ${test.fullName}`),
  };
}

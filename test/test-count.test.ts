import { describe, expect, it } from 'vitest';
import { countTests, type TestReport } from '../scripts/ci/test-count.ts';

function file(
  name: string,
  statuses: readonly string[],
  status = 'passed',
): TestReport['testResults'][number] {
  const assertionResults = statuses.map((each, index) => ({
    fullName: `${name} ${index}`,
    status: each,
    duration: index,
  }));
  return {
    name,
    status,
    message: status === 'failed' ? 'SyntaxError: broken\n at line 1' : '',
    assertionResults,
  };
}

describe('counting a test run', () => {
  it('counts passed, failed and skipped tests', () => {
    const report = {
      testResults: [file('/a.test.ts', ['passed', 'failed'], 'failed'), file('/b.test.ts', ['pending'])],
    };
    const count = countTests(report, ['/a.test.ts', '/b.test.ts'], false);
    expect(count).toMatchObject({ passed: 1, failed: 1, skipped: 1, faults: [] });
  });

  it.each([
    ['no report at all', undefined, ['/a.test.ts'], true],
    ['a report without a passed test', { testResults: [] }, [], true],
    [
      'a test file of the tree that the report lacks',
      { testResults: [file('/a.test.ts', ['passed'])] },
      ['/a.test.ts', '/b.test.ts'],
      true,
    ],
    [
      'a file that broke before its tests',
      { testResults: [file('/a.test.ts', ['passed']), file('/b.test.ts', [], 'failed')] },
      [],
      false,
    ],
    [
      'a bad exit code though every test passed',
      { testResults: [file('/a.test.ts', ['passed'])] },
      ['/a.test.ts'],
      false,
    ],
  ] as const)('takes %s for one failure', (_what, report, files, exitedWell) => {
    const count = countTests(report, files, exitedWell);
    expect(count.failed).toBe(1);
    expect(count.faults).toHaveLength(1);
  });

  it('names the slowest tests first', () => {
    const { slowest } = countTests({ testResults: [file('/a.test.ts', ['passed', 'passed'])] }, [], true);
    expect(slowest.map((line) => line.trim())).toEqual(['0.0 s  /a.test.ts 1', '0.0 s  /a.test.ts 0']);
  });
});

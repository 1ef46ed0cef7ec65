import { expect, test } from 'vitest';
import { enforcementProblem } from './enforcement.ts';

test.each([
  ['nothing is demanded', { require_enforced: false, may_be_unenforced: [] }, ['pids', 'id-range']],
  ['nothing is missing', { require_enforced: true, may_be_unenforced: [] }, []],
  [
    'all that is missing may be',
    { require_enforced: true, may_be_unenforced: ['id-range', 'pids'] },
    ['pids'],
  ],
])('a task may run where %s', (_what, policy, unenforced) => {
  expect(enforcementProblem(policy, unenforced)).toBeUndefined();
});

test('a task may not run where something else is missing: it is named, and nothing else', () => {
  const policy = { require_enforced: true, may_be_unenforced: ['id-range'] };
  expect(enforcementProblem(policy, ['id-range', 'pids', 'disk'])).toMatch(
    /does not enforce pids, disk, and .*policy\.require_enforced/,
  );
});

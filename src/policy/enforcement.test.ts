import { expect, test } from 'vitest';
import { type EnforcementPolicy, enforcementProblem, sharesProblem } from './enforcement.ts';

test.each<[string, EnforcementPolicy, string[]]>([
  [
    'nothing is demanded, and each task has its share',
    { require_enforced: false, may_be_unenforced: [] },
    ['id-range', 'devices'],
  ],
  ['nothing is missing', { require_enforced: true, may_be_unenforced: [] }, []],
  [
    'all that is missing may be',
    { require_enforced: true, may_be_unenforced: ['id-range', 'pids'] },
    ['pids'],
  ],
  [
    'shares are missing that the site gives up by name',
    { require_enforced: false, may_be_unenforced: ['cpu', 'memory', 'disk'] },
    ['cpu', 'memory', 'disk', 'id-range'],
  ],
])('a task may run where %s', (_what, policy, unenforced) => {
  expect(enforcementProblem(policy, unenforced)).toBeUndefined();
});

test('a task may not run where something else is missing: it is named, and nothing else', () => {
  const policy: EnforcementPolicy = { require_enforced: true, may_be_unenforced: ['id-range'] };
  expect(enforcementProblem(policy, ['id-range', 'pids', 'disk'])).toMatch(
    /does not enforce pids, disk, and .*policy\.require_enforced/,
  );
});

test('a share of the machine is never missing without the site saying so, whatever it demands', () => {
  const policy: EnforcementPolicy = { require_enforced: false, may_be_unenforced: ['cpu'] };
  expect(enforcementProblem(policy, ['cpu', 'memory', 'id-range'])).toMatch(
    /does not enforce memory, and .*policy\.may_be_unenforced/,
  );
});

test.each<[string, EnforcementPolicy, string]>([
  ['demands nothing', { require_enforced: false, may_be_unenforced: ['cpu'] }, '[cpu, memory]'],
  ['demands all', { require_enforced: true, may_be_unenforced: [] }, '[cpu, memory, id-range]'],
])('where it %s, a site is told what to write before its server starts', (_what, policy, names) => {
  const unenforced = ['cpu', 'memory', 'id-range'];
  expect(sharesProblem(policy, unenforced)).toContain(`\npolicy:\n  may_be_unenforced: ${names}\n`);
  expect(sharesProblem({ ...policy, may_be_unenforced: unenforced }, unenforced)).toBeUndefined();
});

test('a server starts where no share is missing, and its tasks are refused one by one', () => {
  expect(sharesProblem({ require_enforced: true, may_be_unenforced: [] }, ['id-range'])).toBeUndefined();
});

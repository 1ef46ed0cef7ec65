import { expect, test } from 'vitest';
import { SMALL_LIMITS } from '../../test/fixtures/limits.ts';
import { PROFILES } from '../sandbox/profiles.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import type { TesTaskDocument } from '../tes/task.ts';
import { readonlyRootFaults } from './readonly-root.ts';

const strict: Sandbox = { profile: 'strict', ...PROFILES.strict, limits: SMALL_LIMITS };
const standard: Sandbox = { profile: 'standard', ...PROFILES.standard, limits: SMALL_LIMITS };
const url = 'file:///x';
const executor = { image: 'alpine', command: ['true'] };

test.each<[string, Partial<TesTaskDocument>, string[]]>([
  ['an input in the root', { inputs: [{ path: '/in', url }] }, []],
  [
    'streams that are outputs',
    { executors: [{ ...executor, stdout: '/o' }], outputs: [{ path: '/o', url }] },
    [],
  ],
  [
    'an output in the root',
    {
      outputs: [
        { path: '/x/y', url },
        { path: '/y', url },
      ],
    },
    ['/outputs/1/path'],
  ],
  ['a folder of its own', { outputs: [{ path: '/out', url, type: 'DIRECTORY' }] }, []],
  ['a pattern', { outputs: [{ path: '/*.txt', path_prefix: '/', url }] }, ['/outputs/0/path']],
  [
    'a stdin that only a command could make',
    { executors: [{ ...executor, stdin: '/i' }] },
    ['/executors/0/stdin'],
  ],
])('%s', (_what, document, fields) => {
  const task = { executors: [executor], ...document };
  expect(readonlyRootFaults(task, strict).map(({ field }) => field)).toEqual(fields);
  expect(readonlyRootFaults(task, standard)).toEqual([]);
});

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TesTaskDocument } from '../../tes/task.ts';
import { contains, nestedFolders, workspaceTrees } from './trees.ts';

const executors = [{ image: 'alpine', command: ['true'] }];

describe('the folders that all executors of a task share', () => {
  const cases: [string, Partial<TesTaskDocument>, string[]][] = [
    ['none', {}, []],
    ['the parent of an input', { inputs: [{ path: '/data/in/a.txt', url: 'file:///x' }] }, ['/data/in']],
    [
      'a directory input itself',
      { inputs: [{ path: '/data/in', url: 'file:///x', type: 'DIRECTORY' }] },
      ['/data/in'],
    ],
    [
      'a top-level workdir of cwl-tes',
      { outputs: [{ path: '/iNUZzk', url: 'file:///x/', type: 'DIRECTORY' }] },
      ['/iNUZzk'],
    ],
    [
      'the literal part of a wildcard',
      { outputs: [{ path: '/work/*/out?.txt', url: 'file:///x' }] },
      ['/work'],
    ],
    [
      'braces, as Nextflow sends them',
      { outputs: [{ path: '/work/{a,b}.txt', url: 'file:///x' }] },
      ['/work'],
    ],
    [
      'streams',
      { executors: [{ image: 'a', command: ['b'], stdin: '/i/x', stdout: '/o/x', stderr: '/e/x' }] },
      ['/e', '/i', '/o'],
    ],
    [
      'volumes, with or without a slash at the end',
      { volumes: ['/pulsar_staging/', '/vol/A'] },
      ['/pulsar_staging', '/vol/A'],
    ],
    [
      'nested ones as one',
      { volumes: ['/work'], inputs: [{ path: '/work/a/b', url: 'file:///x' }] },
      ['/work'],
    ],
    ['names that only begin alike', { volumes: ['/work', '/work2'] }, ['/work', '/work2']],
    [
      'a file in the root: everything',
      { volumes: ['/vol'], outputs: [{ path: '/out.txt', url: 'file:///x' }] },
      ['/'],
    ],
  ];
  it.each(cases)('%s', (_, document, expected) => {
    expect(workspaceTrees({ executors, ...document }, [])).toEqual(expected);
  });

  it.each(['/proc', '/proc/1', '/sys/fs', '/dev/shm', '/work/../proc/x'])(
    '%s belongs to the sandbox',
    (path) => {
      expect(() => workspaceTrees({ executors, volumes: [path] }, [])).toThrow(/belongs to the sandbox/);
    },
  );

  it('covers every wanted folder exactly once, in whatever order they come', () => {
    const part = fc.constantFrom('a', 'b', 'ab', 'c.d');
    const path = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => `/${parts.join('/')}`);
    fc.assert(
      fc.property(fc.array(path, { maxLength: 8 }), fc.boolean(), (volumes, reversed) => {
        const trees = workspaceTrees({ executors, volumes: reversed ? volumes.toReversed() : volumes }, []);
        for (const volume of volumes) expect(trees.filter((tree) => contains(tree, volume))).toHaveLength(1);
        for (const tree of trees) expect(volumes).toContain(tree);
      }),
    );
  });
});

describe('the folders within the shared ones that a task finds there', () => {
  const cases: [string, Partial<TesTaskDocument>, string[]][] = [
    ['none beside the shared ones themselves', { volumes: ['/v/', '/w'] }, []],
    ['a volume within a volume', { volumes: ['/v', '/v/d'] }, ['/v/d']],
    [
      'where outputs are wanted',
      {
        volumes: ['/v'],
        outputs: [
          { path: '/v/x/y.txt', url: 'file:///x' },
          { path: '/v/x/*.txt', url: 'file:///x' },
          { path: '/v/dir/', url: 'file:///x', type: 'DIRECTORY' },
        ],
      },
      ['/v/x', '/v/dir'],
    ],
    [
      'working directories, not those of the image',
      {
        volumes: ['/v'],
        executors: [
          { image: 'alpine', command: ['true'], workdir: '/v/w' },
          { image: 'alpine', command: ['true'], workdir: '/usr' },
        ],
      },
      ['/v/w'],
    ],
  ];
  it.each(cases)('are %s', (_what, document, expected) => {
    const task = { executors, ...document };
    expect(nestedFolders(task, workspaceTrees(task, []))).toEqual(expected);
  });
});

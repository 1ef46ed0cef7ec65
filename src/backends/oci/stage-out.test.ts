import { execFileSync } from 'node:child_process';
import { chmod, chown, mkdir, readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { makeFolder, plant } from '../../../test/fixtures/folders.ts';
import { createFileStorage } from '../../storage/file.ts';
import { createStorages } from '../../storage/registry.ts';
import type { Storage, Written } from '../../storage/storage.ts';
import type { TesOutput } from '../../tes/task.ts';
import { createConfinedTrees } from '../../warden/tree.ts';
import type { StageOutResult } from '../backend.ts';
import { stageOut } from './stage-out.ts';

const USER = { uid: 61_010, gid: 61_011 };
const trees = createConfinedTrees();
const { signal } = new AbortController();

interface Places {
  /** The task's tree. */
  readonly root: string;
  /** Where outputs may go. */
  readonly data: string;
}

async function places(): Promise<Places> {
  return { root: await makeFolder(USER), data: await makeFolder() };
}

async function collect(
  outputs: TesOutput[],
  { root, data }: Places,
  options: { readonly missingOutputs?: 'record' | 'error'; readonly other?: Storage } = {},
): Promise<StageOutResult> {
  const file = createFileStorage({ roots: [{ path: data, write: true }, { path: '/usr/share' }], trees });
  return stageOut({
    attempt: { owner: 'alice', document: { executors: [], outputs } },
    tree: { root, ...USER },
    storages: createStorages(options.other === undefined ? [file] : [file, options.other]),
    trees,
    missingOutputs: options.missingOutputs ?? 'record',
    signal,
  });
}

describe('outputs', () => {
  test('by name: a file, a directory, and a directory that was declared a file', async () => {
    const at = await places();
    await plant(at.root, { 'w/x': 'xx', 'w/d/a': 'a', 'w/d/sub/b': 'bb', 'w/d/empty': null });
    const { outputs, messages, failures } = await collect(
      [
        { path: '/w/x', url: `${at.data}/new/x` },
        { path: '/w//x', url: `file://${at.data}/a%20b` },
        { path: '/w/d', url: `${at.data}/d/`, type: 'DIRECTORY' },
        { path: '/w/d', url: `file://${at.data}/e`, type: 'FILE' },
      ],
      at,
    );
    expect({ messages, failures }).toEqual({ messages: [], failures: [] });
    expect(outputs).toEqual([
      { url: `${at.data}/new/x`, path: '/w/x', sizeBytes: 2 },
      { url: `file://${at.data}/a%20b`, path: '/w/x', sizeBytes: 2 },
      { url: `${at.data}/d/a`, path: '/w/d/a', sizeBytes: 1 },
      { url: `${at.data}/d/sub/b`, path: '/w/d/sub/b', sizeBytes: 2 },
      { url: `file://${at.data}/e/a`, path: '/w/d/a', sizeBytes: 1 },
      { url: `file://${at.data}/e/sub/b`, path: '/w/d/sub/b', sizeBytes: 2 },
    ]);
    expect(await readFile(join(at.data, 'a b'), 'utf8')).toBe('xx');
    expect(await readdir(join(at.data, 'd/empty'))).toEqual([]);
    expect((await stat(join(at.data, 'new/x'))).mode & 0o7777).toBe(0o664);
  });

  test('by wildcard: what is left of the path without the prefix is appended', async () => {
    const at = await places();
    await plant(at.root, {
      'w/out/a.txt': 'a',
      'w/out/b.txt': 'b',
      'w/out/.c.txt': 'c',
      'w/out/d/e.txt': 'e',
    });
    const cases: readonly (readonly [path: string, prefix: string, ...urls: string[]])[] = [
      ['/w/out/*.txt', '/w', '/1/out/a.txt', '/1/out/b.txt'],
      ['/w/out/*.txt', '/w/out/', '/2/a.txt', '/2/b.txt'],
      ['/w/out/**.txt', '/w/out', '/3/a.txt', '/3/b.txt', '/3/d/e.txt'],
      ['/w/out/{a,b,nothing}.txt', '/w', '/4/out/a.txt', '/4/out/b.txt'],
      ['/w/out/[!a].txt', '/', '/5/w/out/b.txt'],
      ['/w/out/d*', '/w/out', '/6/d/e.txt'],
      ['/w/out/*.none', '/w'],
    ];
    const named = cases.map(([path, prefix], n) => ({
      path,
      path_prefix: prefix,
      url: `${at.data}/${n + 1}`,
    }));
    const { outputs, messages, failures } = await collect(named, at);
    expect(outputs.map(({ url }) => url.slice(at.data.length))).toEqual(
      cases.flatMap(([, , ...urls]) => urls),
    );
    expect({ messages, failures }).toEqual({ messages: [], failures: [] });
    expect(await readdir(at.data)).toEqual(['1', '2', '3', '4', '5', '6']);
  });

  test('that the task did not make are told of, or fail where the site says so', async () => {
    const at = await places();
    await plant(at.root, { x: 'x' });
    const named = [
      { path: '/missing', url: `${at.data}/missing` },
      { path: '/x', url: `${at.data}/x` },
    ];
    const recorded = await collect(named, at);
    expect(recorded.failures).toEqual([]);
    expect(recorded.messages).toEqual([
      'output /missing was not made: /missing: open: No such file or directory',
    ]);
    expect(recorded.outputs).toHaveLength(1);
    const failed = await collect(named, at, { missingOutputs: 'error' });
    expect(failed.failures).toEqual(['output /missing: /missing: open: No such file or directory']);
    expect(failed.outputs).toHaveLength(1);
  });

  test('that are no files are refused by name, keep no other back, and are left out of directories', async () => {
    const at = await places();
    const other = await makeFolder();
    await plant(other, { result: 'of another task' });
    await plant(at.root, {
      'w/shadow': { to: '/etc/shadow' },
      'w/other': { to: join(other, 'result') },
      'w/x': 'x',
    });
    execFileSync('mkfifo', [join(at.root, 'w/fifo')]);
    execFileSync('mknod', [join(at.root, 'w/disk'), 'b', '7', '0']);
    const names = ['shadow', 'other', 'fifo', 'disk', 'x'];
    const byName = names.map((name) => ({ path: `/w/${name}`, url: `${at.data}/${name}` }));
    const whole: TesOutput = { path: '/w', url: `${at.data}/w`, type: 'DIRECTORY' };
    const { outputs, messages, failures } = await collect([...byName, whole], at);
    expect(failures.map((failure) => failure.replace(/: No such.*/, ''))).toEqual([
      'output /w/shadow: /w/shadow: is a symbolic link that leads to nothing in this tree',
      'output /w/other: /w/other: is a symbolic link that leads to nothing in this tree',
      'output /w/fifo: /w/fifo: is a FIFO; only files and folders are taken',
      'output /w/disk: /w/disk: is a device; only files and folders are taken',
    ]);
    expect(messages).toEqual([
      'output /w: /w/disk: is a device; left out',
      'output /w: /w/fifo: is a FIFO; left out',
      'output /w: /w/other: is a symbolic link that leads to nothing in this tree; left out',
      'output /w: /w/shadow: is a symbolic link that leads to nothing in this tree; left out',
    ]);
    expect(outputs.map(({ path }) => path)).toEqual(['/w/x', '/w/x']);
    // The control: a copy by path follows the same link, and leaks.
    execFileSync('cp', [join(at.root, 'w/other'), join(at.data, 'control')]);
    expect(await readFile(join(at.data, 'control'), 'utf8')).toBe('of another task');
  });

  test('of each user that an executor ran as are collected, also where they are that one’s alone', async () => {
    const at = await places();
    await plant(at.root, { 'private/x': 'x' });
    for (const [path, mode] of [
      ['private', 0o700],
      ['private/x', 0o600],
    ] as const) {
      await chown(join(at.root, path), 61_020, 61_020);
      await chmod(join(at.root, path), mode);
    }
    const { failures } = await collect([{ path: '/private/x', url: `${at.data}/x` }], at);
    expect(failures).toEqual([]);
    expect(await readFile(join(at.data, 'x'), 'utf8')).toBe('x');
  });

  test.each([
    ['/etc/x', 'is below no folder of this site'],
    ['/usr/share/x', 'is read only for tasks'],
    ['s3://bucket/x', 'this site has no storage for s3:// URLs'],
    ['DATA/file/x', 'Not a directory'],
  ])('to %s fail, naming why, and the others arrive', async (url, message) => {
    const at = await places();
    await plant(at.root, { x: 'x' });
    await plant(at.data, { file: '' });
    const { outputs, failures } = await collect(
      [
        { path: '/x', url: url.replace('DATA', at.data) },
        { path: '/x', url: `${at.data}/kept` },
      ],
      at,
    );
    expect(failures).toEqual([expect.stringContaining(message)]);
    expect(failures[0]).toMatch(/^output \/x: /);
    expect(outputs.map(({ url: kept }) => kept)).toEqual([`${at.data}/kept`]);
  });

  test('belong to the owner of the nearest folder', async () => {
    const at = await places();
    await plant(at.root, { x: 'x' });
    await mkdir(join(at.data, 'alice'));
    await chown(join(at.data, 'alice'), 61_001, 61_002);
    await collect([{ path: '/x', url: `${at.data}/alice/new/x` }], at);
    for (const path of ['alice/new', 'alice/new/x']) {
      const { uid, gid } = await stat(join(at.data, path));
      expect([uid, gid]).toEqual([61_001, 61_002]);
    }
  });

  test('to elsewhere pass through, each with its place in the container', async () => {
    const at = await places();
    await plant(at.root, { 'w/d/a': 'aa', 'w/x': 'x' });
    const arrived: Record<string, string> = {};
    const other: Storage = {
      schemes: ['http'],
      advertised: [],
      async *read() {},
      async write({ url, entries }) {
        const written: Written[] = [];
        for await (const { path, body, sizeBytes } of entries) {
          if (body === undefined) continue;
          const target = path === '' ? url : `${url}/${path}`;
          arrived[target] = await text(body);
          written.push({ url: target, path, sizeBytes: sizeBytes ?? 0 });
        }
        return written;
      },
    };
    const { outputs, messages } = await collect(
      [
        { path: '/w/d', url: 'http://h.example/d', type: 'DIRECTORY' },
        { path: '/w/*', path_prefix: '/w', url: 'http://h.example/all' },
        { path: '/missing', url: 'http://h.example/missing' },
      ],
      at,
      { other },
    );
    expect(outputs).toEqual([
      { url: 'http://h.example/d/a', path: '/w/d/a', sizeBytes: 2 },
      { url: 'http://h.example/all/d/a', path: '/w/d/a', sizeBytes: 2 },
      { url: 'http://h.example/all/x', path: '/w/x', sizeBytes: 1 },
    ]);
    expect(arrived).toEqual({
      'http://h.example/d/a': 'aa',
      'http://h.example/all/d/a': 'aa',
      'http://h.example/all/x': 'x',
    });
    expect(messages).toEqual([expect.stringContaining('output /missing was not made')]);
  });
});

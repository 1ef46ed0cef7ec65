import { chmod, chown, readFile, readdir, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { makeFolder, plant } from '../../../test/fixtures/folders.ts';
import { createFileStorage } from '../../storage/file.ts';
import { createStorages } from '../../storage/registry.ts';
import type { Storage } from '../../storage/storage.ts';
import type { TesInput } from '../../tes/task.ts';
import { createConfinedTrees } from '../../warden/tree.ts';
import { linkableInputs } from './linkable-inputs.ts';
import { byNesting, stageIn } from './stage-in.ts';

const USER = { uid: 61_010, gid: 61_011 };
const trees = createConfinedTrees();
const { signal } = new AbortController();

/** A scheme of its own whose every URL is a file with the URL as its content. */
const echo: Storage = {
  schemes: ['http'],
  advertised: [],
  async *read({ url }) {
    const body = Readable.from([Buffer.from(url)], { objectMode: false });
    yield { path: '', type: 'file', sizeBytes: url.length, mode: 0o644, body };
  },
  write: async () => [],
};

async function stage(
  inputs: TesInput[],
  folders: { readonly root: string; readonly data: string },
  linked: readonly string[] = [],
): Promise<void> {
  const file = createFileStorage({ roots: [{ path: folders.data }], trees });
  await stageIn({
    attempt: { owner: 'alice', document: { executors: [], inputs } },
    tree: { root: folders.root, ...USER },
    folders: [],
    linked: new Set(linked),
    storages: createStorages([file, echo]),
    trees,
    signal,
  });
}

describe('inputs', () => {
  test('of every kind are in their places, owned by who runs, programs as programs', async () => {
    const [root, data] = [await makeFolder(), await makeFolder()];
    await plant(data, { 'reads.fq': 'ACGT', 'run.sh': '#!', 'dir/a': 'a', 'dir/empty': null, group: 'g' });
    await chmod(join(data, 'run.sh'), 0o555);
    await chown(join(data, 'group'), 61_099, 61_098);
    await chmod(join(data, 'group'), 0o640);
    await stage(
      [
        { path: '/work/in/note', content: 'nöte' },
        { path: '/work/in/none', content: '' },
        { path: '/work/in/both', content: 'content wins', url: `${data}/reads.fq` },
        { path: '/work/in/url', content: '', url: `${data}/reads.fq` },
        { path: '/data/reads.fq', url: `file://${data}/reads.fq`, type: 'FILE' },
        { path: '/data/run.sh', url: `${data}/run.sh` },
        { path: '/data/group', url: `${data}/group` },
        { path: '/data/dir', url: `file://${data}/dir/`, type: 'DIRECTORY' },
        { path: '/data/fetched', url: 'http://h.example/x' },
      ],
      { root, data },
    );
    for (const [path, content, mode] of [
      ['work/in/note', 'nöte', 0o644],
      ['work/in/none', '', 0o644],
      ['work/in/both', 'content wins', 0o644],
      ['work/in/url', 'ACGT', 0o644],
      ['data/reads.fq', 'ACGT', 0o644],
      ['data/run.sh', '#!', 0o755],
      ['data/group', 'g', 0o640],
      ['data/dir/a', 'a', 0o644],
      ['data/fetched', 'http://h.example/x', 0o644],
    ] as const) {
      const found = await stat(join(root, path));
      expect([path, await readFile(join(root, path), 'utf8'), found.mode & 0o7777]).toEqual([
        path,
        content,
        mode,
      ]);
      expect([path, found.uid, found.gid]).toEqual([path, USER.uid, USER.gid]);
    }
    for (const folder of ['work', 'work/in', 'data/dir/empty'])
      expect([folder, (await stat(join(root, folder))).uid]).toEqual([folder, USER.uid]);
  });

  test('that are within a directory input are put there after it, whatever their order', async () => {
    const [root, data] = [await makeFolder(), await makeFolder()];
    await plant(data, {
      'outer/x': 'of outer',
      'outer/in/y': 'of outer',
      'inner/y': 'of inner',
      one: 'by name',
    });
    await stage(
      [
        { path: '/d/in/y', url: `${data}/one` },
        { path: '/d/x', content: 'literal' },
        { path: '/d/in', url: `${data}/inner`, type: 'DIRECTORY' },
        { path: '/d', url: `${data}/outer`, type: 'DIRECTORY' },
      ],
      { root, data },
    );
    expect(await readFile(join(root, 'd/x'), 'utf8')).toBe('literal');
    expect(await readFile(join(root, 'd/in/y'), 'utf8')).toBe('by name');
  });

  test('that are in place already are left alone', async () => {
    const [root, data] = [await makeFolder(), await makeFolder()];
    await plant(data, { x: 'x', y: 'y' });
    const inputs = [
      { path: '/x', url: `${data}/x` },
      { path: '/y', url: `${data}/y` },
    ];
    await stage(inputs, { root, data }, ['/x']);
    expect(await readdir(root)).toEqual(['y']);
  });

  test('go through links of the image as the container would, and never out of the tree', async () => {
    const [root, data, outside] = [await makeFolder(), await makeFolder(), await makeFolder()];
    await plant(root, { real: null, inside: { to: '/real' }, escape: { to: outside } });
    await plant(data, { x: 'x' });
    await stage(
      [
        { path: '/inside/x', url: `${data}/x` },
        { path: '/escape/x', url: `${data}/x` },
      ],
      { root, data },
    );
    expect(await readFile(join(root, 'real/x'), 'utf8')).toBe('x');
    expect(await readdir(outside)).toEqual([]);
  });

  test.each([
    ['/nothing', undefined, 'storage-not-found', 'input /in: '],
    ['/d', 'FILE', undefined, ''],
    ['/f', 'DIRECTORY', 'storage-failed', 'is a file, a directory was asked for'],
    ['/../etc/passwd', undefined, 'storage-denied', 'input /in: '],
    ['s3://bucket/x', undefined, 'storage-unsupported', 'input /in: this site has no storage for s3://'],
    ['/etc/passwd', undefined, 'storage-denied', 'is below no folder of this site'],
  ] as const)('of %s, declared %s, end as %s', async (path, type, code, message) => {
    const [root, data] = [await makeFolder(), await makeFolder()];
    await plant(data, { f: 'f', 'd/x': 'x' });
    const isOwn = ['/nothing', '/d', '/f', '/../etc/passwd'].includes(path);
    const input = { path: '/in', url: isOwn ? data + path : path, ...(type === undefined ? {} : { type }) };
    const staging = stage([input], { root, data });
    if (code === undefined) {
      await staging;
      expect(await readFile(join(root, 'in/x'), 'utf8')).toBe('x');
      return;
    }
    await expect(staging).rejects.toMatchObject({ code, message: expect.stringContaining(message) });
  });

  test('that are large files of this host can appear without a copy, each by its path without links', async () => {
    const data = await makeFolder();
    const large = 'x'.repeat(2 ** 20);
    await plant(data, { 'd/large': large, small: 's', link: { to: 'd/large' }, 'folder/large': large });
    for (const path of ['d/large', 'folder/large']) await utimes(join(data, path), 1_000_000, 1_000_000);
    const file = createFileStorage({ roots: [{ path: data }], trees });
    const inputs: TesInput[] = [
      { path: '/in/link', url: `${data}/link` },
      { path: '/in/small', url: `${data}/small` },
      { path: '/in/missing', url: `${data}/missing` },
      { path: '/folder', url: `${data}/folder`, type: 'DIRECTORY' },
      { path: '/folder/within', url: `${data}/d/large` },
      { path: '/in/content', content: 'c', url: `${data}/d/large` },
      { path: '/in/remote', url: 'http://h.example/x' },
    ];
    const linkable = await linkableInputs({
      attempt: { owner: 'alice', document: { executors: [], inputs } },
      storages: createStorages([file, echo]),
      trees,
      signal,
    });
    const of = { root: data, mode: 0o644, sizeBytes: 2 ** 20, modifiedAt: 1_000_000 };
    expect(linkable).toEqual({
      links: [
        { ...of, relative: 'folder/large', path: '/folder/large' },
        { ...of, relative: 'd/large', path: '/in/link' },
      ],
      linkedFolders: [],
      paths: new Set(['/folder', '/in/link']),
      messages: [],
    });
  });
});

test('places are ordered by how deep they are within each other, not by their names', () => {
  const paths = ['/d-x', '/d/a/b', '/d', '/e/x/', '/d/a', '/d.x/y', '/e//x/y'];
  const levels = byNesting(paths.map((path) => ({ path })));
  expect(levels.map((level) => level.map(({ path }) => path))).toEqual([
    ['/d', '/d-x', '/d.x/y', '/e/x/'],
    ['/d/a', '/e//x/y'],
    ['/d/a/b'],
  ]);
});

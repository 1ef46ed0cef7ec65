import { appendFile, chmod, chown, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { makeFolder, plant } from '../../../test/fixtures/folders.ts';
import type { TreeSource, Wanted } from '../confined-tree.ts';
import { createConfinedTrees } from '../tree.ts';

const trees = createConfinedTrees();
const ALICE = { uid: 61_001, gid: 61_001 };
const BOB = { uid: 61_002, gid: 61_002 };
const { signal } = new AbortController();

async function readAll(source: TreeSource, wanted: Wanted): Promise<Record<string, string | null>> {
  const found: Record<string, string | null> = {};
  for await (const { path, body } of trees.read(source, wanted, { signal }))
    found[path] = body === undefined ? null : await text(body);
  return found;
}

describe('reading', () => {
  test('a folder with all that is in it, in the order of names', async () => {
    const root = await makeFolder();
    await plant(root, {
      'd/b.txt': 'b',
      'd/a/x.txt': 'x',
      'd/empty': null,
      'd/.hidden': 'h',
      'other.txt': 'o',
    });
    const found = await readAll({ root, as: 'target' }, { kind: 'any', path: '/d' });
    expect(Object.entries(found)).toEqual([
      ['', null],
      ['.hidden', 'h'],
      ['a', null],
      ['a/x.txt', 'x'],
      ['b.txt', 'b'],
      ['empty', null],
    ]);
  });

  test('content comes through unchanged, whatever its bytes and its length', async () => {
    const root = await makeFolder();
    const lengths = [0, 1, 262_143, 262_144, 262_145, 3_000_000];
    for (const length of lengths) {
      const bytes = Buffer.alloc(length, 'N\0X\u00ff');
      await writeFile(join(root, 'f'), bytes);
      const wanted: Wanted = { kind: 'file', path: '/f' };
      for await (const { sizeBytes, body } of trees.read({ root, as: 'target' }, wanted, { signal })) {
        expect(sizeBytes).toBe(length);
        expect((await buffer(body ?? Readable.from([]))).equals(bytes)).toBe(true);
      }
    }
  });

  test('a hole is read as the zeros that it stands for', async () => {
    const root = await makeFolder();
    await writeFile(join(root, 'f'), 'begin');
    await truncate(join(root, 'f'), 1_000_000);
    await appendFile(join(root, 'f'), 'end');
    const found = await readAll({ root, as: 'target' }, { kind: 'file', path: '/f' });
    expect(found['']).toBe(`begin${'\0'.repeat(999_995)}end`);
  });

  test('content that is not wanted is passed over, also in the middle of it', async () => {
    const root = await makeFolder();
    await plant(root, { 'd/1': 'x'.repeat(900_000), 'd/2': 'y'.repeat(900_000), 'd/3': 'last' });
    const source: TreeSource = { root, as: 'target' };
    let last = '';
    for await (const { path, body } of trees.read(source, { kind: 'any', path: '/d' }, { signal })) {
      if (path === '1') body?.destroy();
      if (path === '2') for await (const chunk of body ?? []) if (chunk) break;
      if (path === '3' && body) last = await text(body);
    }
    expect(last).toBe('last');
  });

  test.each([
    ['file', '/nothing', 'storage-not-found', 'No such file'],
    ['file', '/f/below', 'storage-not-found', 'Not a directory'],
    ['file', '/d', 'storage-failed', 'is a directory, a file was asked for'],
    ['directory', '/f', 'storage-failed', 'is a file, a directory was asked for'],
    ['any', '/loop', 'storage-failed', 'Too many levels of symbolic links'],
    ['any', '/dangling', 'storage-denied', 'is a symbolic link that leads to nothing in this tree'],
  ] as const)('of %s %s fails as %s', async (kind, path, code, message) => {
    const root = await makeFolder();
    await plant(root, { f: '', d: null, loop: { to: 'loop' }, dangling: { to: '/nowhere' } });
    const failure = readAll({ root, as: 'target', shown: '/shown' }, { kind, path });
    await expect(failure).rejects.toThrow(message);
    await expect(failure).rejects.toMatchObject({ code });
    await expect(failure).rejects.toThrow('/shown/');
  });

  test('links lead to where they would in the tree, absolute ones too, and loops end', async () => {
    const root = await makeFolder();
    await plant(root, {
      'data/x': 'x',
      'd/absolute': { to: '/data/x' },
      'd/relative': { to: '../data' },
      'd/above': { to: '../../../../../data/x' },
      'd/self': { to: '.' },
      'd/up/again': { to: '../../d' },
    });
    const messages: string[] = [];
    const paths: string[] = [];
    const wanted: Wanted = { kind: 'any', path: '/d' };
    const options = { signal, onMessage: (message: string) => messages.push(message) };
    for await (const { path } of trees.read({ root, as: 'target' }, wanted, options)) paths.push(path);
    expect(paths).toEqual(['', 'above', 'absolute', 'relative', 'relative/x', 'up']);
    expect(messages).toEqual([
      '/d/self: leads back to a folder that it is in; left out',
      '/d/up/again: leads back to a folder that it is in; left out',
    ]);
  });

  test('is done as the owner: what that one may not read is refused, by name', async () => {
    const root = await makeFolder();
    await plant(root, { 'd/own': 'own', 'd/other': 'other' });
    await chown(join(root, 'd'), ALICE.uid, ALICE.gid);
    await chown(join(root, 'd/own'), ALICE.uid, ALICE.gid);
    await chmod(join(root, 'd/own'), 0o640);
    await chown(join(root, 'd/other'), BOB.uid, BOB.gid);
    await chmod(join(root, 'd/other'), 0o600);
    expect(await readAll({ root, as: 'target' }, { kind: 'any', path: '/d/own' })).toEqual({ '': 'own' });
    expect(await readAll({ root, as: 'target' }, { kind: 'any', path: '/d/other' })).toEqual({ '': 'other' });
    const failure = readAll({ root, as: 'target' }, { kind: 'any', path: '/d' });
    await expect(failure).rejects.toMatchObject({ code: 'storage-denied' });
    await expect(failure).rejects.toThrow('/d/other: open: Permission denied');
  });

  test.each([
    ['entries', { entries: 3 }, 'there are more than 3 files and folders'],
    ['bytes', { bytes: 9 }, 'has 5 bytes, and 4 are left of the limit of 9'],
    ['depth', { depth: 1 }, 'is more than 1 folders deep'],
  ])('stops at its limit of %s', async (_, limits, message) => {
    const root = await makeFolder();
    await plant(root, { 'd/1': '11111', 'd/2': '22222', 'd/e/f/3': '' });
    const failure = readAll({ root, as: 'target', limits }, { kind: 'any', path: '/d' });
    await expect(failure).rejects.toThrow(message);
    await expect(failure).rejects.toMatchObject({ code: 'storage-failed' });
  });

  test('a request that fails is told apart from the others of one call', async () => {
    const root = await makeFolder();
    await plant(root, { 'data/x': 'xyz', link: { to: 'data' } });
    await chown(join(root, 'data/x'), ALICE.uid, BOB.gid);
    await chmod(join(root, 'data/x'), 0o640);
    await utimes(join(root, 'data/x'), 1_000_000_000, 1_000_000_000);
    const wanted: Wanted[] = ['/link/x', '/nothing', '/data'].map((path) => ({ kind: 'any', path }));
    const [file1, nothing, folder] = await trees.list({ root, as: 'target' }, wanted, signal);
    expect(file1?.entries).toEqual([
      {
        path: '',
        realPath: '/data/x',
        type: 'file',
        sizeBytes: 3,
        mode: 0o640,
        modifiedAt: 1_000_000_000,
        uid: ALICE.uid,
        gid: BOB.gid,
      },
    ]);
    expect(nothing).toMatchObject({ entries: [], failure: { code: 'storage-not-found' } });
    // Listed as the owner of the folder, root without any privilege, who couldn't read that file.
    expect(folder?.failure).toMatchObject({ code: 'storage-denied' });
  });

  test('a root that is not there is told of', async () => {
    await expect(readAll({ root: '/nowhere', as: 'target' }, { kind: 'any', path: '/x' })).rejects.toThrow(
      "the files can't be reached: /nowhere: No such file or directory",
    );
  });
});

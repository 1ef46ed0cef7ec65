import { chmod, chown, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { storageContract } from '../../test/contract/storage.ts';
import { makeFolder, plant } from '../../test/fixtures/folders.ts';
import { createConfinedTrees } from '../warden/tree.ts';
import { type FileStorage, createFileStorage } from './file.ts';
import type { FileRoot } from './file-location.ts';

const ALICE = { uid: 61_001, gid: 61_001 };
const { signal } = new AbortController();

function storageOf(...roots: FileRoot[]): FileStorage {
  return createFileStorage({ roots, trees: createConfinedTrees() });
}

for (const [spelling, urlOf] of [
  ['file:// URLs', (path: string) => `file://${path}`],
  ['bare absolute paths', (path: string) => path],
] as const) {
  storageContract(spelling, async () => {
    const [root, sealed] = [await makeFolder(), await makeFolder()];
    let places = 0;
    return {
      storage: storageOf({ path: root, write: true }, { path: sealed }),
      place: () => urlOf(`${root}/place-${(places += 1)}`),
      forbidden: urlOf('/etc/passwd'),
      readOnly: urlOf(`${sealed}/x`),
      hasDirectories: true,
    };
  });
}

describe('files of this host', () => {
  test('written files belong to whom the root says, else to the owner of the nearest folder; 0664 in 0775', async () => {
    const root = await makeFolder();
    await mkdir(join(root, 'alice'));
    await chown(join(root, 'alice'), ALICE.uid, ALICE.gid);
    for (const [owner, uid, gid] of [
      [undefined, ALICE.uid, ALICE.gid],
      ['61007:61008', 61_007, 61_008],
      ['61009', 61_009, 61_009],
      ['nobody', 65_534, 65_534],
    ] as const) {
      const storage = storageOf({ path: root, write: true, ...(owner === undefined ? {} : { owner }) });
      const url = `${root}/alice/${owner ?? 'default'}/x`;
      const body = Readable.from([Buffer.from('x')]);
      const entries = Readable.from([{ path: '', type: 'file', sizeBytes: 1, mode: 0o600, body }]);
      await storage.write({ url, owner: 'o', entries, signal });
      for (const [path, mode] of [
        [url, 0o664],
        [join(url, '..'), 0o775],
      ] as const) {
        const found = await stat(path);
        expect([path, found.mode & 0o7777, found.uid, found.gid]).toEqual([path, mode, uid, gid]);
      }
    }
  });

  test('an input of mode 0640 is read, as its owner', async () => {
    const root = await makeFolder();
    await plant(root, { 'd/x': 'for the group' });
    await chown(join(root, 'd/x'), ALICE.uid, ALICE.gid);
    await chmod(join(root, 'd/x'), 0o640);
    const url = `file://${root}/d/x`;
    for await (const { mode, body } of storageOf({ path: root }).read({
      url,
      type: 'any',
      owner: 'o',
      signal,
    })) {
      expect(mode).toBe(0o640);
      expect(body && (await text(body))).toBe('for the group');
    }
  });

  test('an error names the path as the host has it', async () => {
    const root = await makeFolder();
    const read = async (): Promise<void> => {
      for await (const entry of storageOf({ path: root }).read({
        url: `${root}/nothing`,
        type: 'any',
        owner: 'o',
        signal,
      }))
        entry.body?.destroy();
    };
    await expect(read()).rejects.toThrow(`${root}/nothing: open: No such file or directory`);
  });

  test('a root that is nobody’s data is refused at start', () => {
    for (const path of ['/', '//', '/proc', '/sys/fs', '/dev/shm', 'relative', '/data/../proc'])
      expect(() => storageOf({ path })).toThrow(expect.objectContaining({ code: 'config' }));
  });

  test('service-info can tell of the roots', () => {
    expect(storageOf({ path: '/data' }, { path: '/my data/' }).advertised).toEqual([
      'file:///data',
      'file:///my%20data',
    ]);
  });

  test('where a URL stands is told for those who need no copy', async () => {
    const root = await makeFolder();
    await writeFile(join(root, 'x'), 'x');
    const { root: found, relativePath } = storageOf({ path: root }).locate(`file://${root}/x`);
    expect(await readFile(join(found.path, relativePath), 'utf8')).toBe('x');
  });
});

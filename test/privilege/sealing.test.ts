/** What a hostile server might seal, though it has the shape of an attempt. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { hasFiles, ownerInside } from '../../src/warden/image/folders.ts';
import { demandSealable } from '../../src/warden/sealing.ts';
import { shownToServer } from '../../src/warden/server-folders.ts';
import type { SealedAttempt } from '../../src/warden/warden.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bulkhead-privilege-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const sealed = (changes: Partial<SealedAttempt>): SealedAttempt => ({
  attempt: 'abcdefgh-1',
  slot: 0,
  bytes: 1,
  inodes: 1,
  trees: ['/data'],
  executors: [],
  outputs: [],
  ...changes,
});

it.each([
  // Container ws-3 would have the place at which the workspace of slot 3 is looked for.
  { attempt: 'ws' },
  { attempt: 'slot' },
  { attempt: 'slot-1' },
  { attempt: 'data-3' },
  { attempt: 'probe' },
  { attempt: '7' },
  // A task that has /data can make /data/a a link to a folder of the host.
  { trees: ['/data', '/data/a/etc'] },
  { trees: ['/', '/data'] },
  { trees: ['/x', '/'] },
  { trees: ['/x', '/x'] },
  { trees: ['/proc'] },
  { trees: ['/sys/fs/cgroup'] },
  { trees: ['/dev/shm'] },
])('%j is sealed by nobody', (changes) => {
  expect(() => demandSealable(sealed(changes))).toThrow(expect.objectContaining({ code: 'forbidden' }));
});

it.each([
  { trees: [] },
  { trees: ['/'] },
  { trees: ['/data', '/data2', '/opt/x'] },
  { attempt: 'database-1' },
])('%j is', (changes) => {
  demandSealable(sealed(changes));
});

it('tells nothing of folders beside an image', async () => {
  const rootfs = join(folder, 'rootfs');
  mkdirSync(join(rootfs, 'opt'), { recursive: true });
  mkdirSync(join(folder, 'secret'));
  writeFileSync(join(folder, 'secret', 'file'), '');
  symlinkSync(join(folder, 'secret'), join(rootfs, 'link'));
  const image = { rootfs, idBase: 0 };
  expect(await ownerInside(image, '/opt')).toBe(0);
  for (const path of ['/../secret', '/opt/../../secret', '/link'])
    expect([await ownerInside(image, path), await hasFiles(image, path)]).toEqual([undefined, false]);
});

it('lends what only its owner may read alone, and never the folder around it', () => {
  const file = join(folder, 'auth.json');
  writeFileSync(file, '{}');
  chmodSync(folder, 0o755);
  chmodSync(file, 0o600);
  expect(shownToServer(file)).toEqual([{ how: 'lent', path: file }]);
  chmodSync(file, 0o644);
  expect(shownToServer(file)).toEqual([{ how: 'ro', path: folder }]);
});

it('lends a folder with what only root may read in it, and shows what is put in its place', () => {
  const layout = join(folder, 'layout');
  chmodSync(folder, 0o755);
  expect(shownToServer(layout)).toEqual([{ how: 'ro', path: folder }]);
  mkdirSync(layout);
  expect(shownToServer(layout)).toEqual([
    { how: 'ro', path: folder },
    { how: 'lent', path: layout },
  ]);
  chmodSync(folder, 0o700);
  expect(shownToServer(layout)).toEqual([{ how: 'lent', path: layout }]);
});

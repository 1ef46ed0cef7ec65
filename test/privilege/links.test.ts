/** Inputs without a copy, asked for by a server that was taken over: what could not be copied isn't linked either. */
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import type { LinkedInput } from '../../src/warden/warden.ts';
import { connectWarden, type RemoteWarden } from '../../src/warden/wire/remote.ts';
import { attemptOf, type ServedWarden, serveTestWarden } from './served-warden.ts';

const LAB = 54_321;

let served: ServedWarden;
let server: RemoteWarden;
let serial = 0;
let folder = '';
let attempt = '';
beforeAll(async () => {
  served = await serveTestWarden();
  server = await connectWarden(served.socket, () => {});
  chmodSync(served.files, 0o755);
});
afterAll(async () => {
  await server.close();
  await served.close();
});
beforeEach(async () => {
  serial += 1;
  folder = join(served.files, String(serial));
  attempt = `links-${serial}`;
  mkdirSync(join(folder, 'sub'), { recursive: true });
  writeFileSync(join(folder, 'sub', 'file'), 'secret');
  chownSync(join(folder, 'sub', 'file'), LAB, LAB);
  await server.openAttempt(attemptOf(attempt));
  return async () => await server.closeAttempt({ attempt });
});

/** Entries of acl(5) as the kernel has them: the owner, one user who may pass, the group, the mask, and all others. */
const GIVE_PASSAGE = `
import os, struct, sys
entries = [(1, 7, -1), (2, 1, int(sys.argv[2])), (4, 0, -1), (16, 1, -1), (32, 0, -1)]
packed = b''.join(struct.pack('<HHi', *entry) for entry in entries)
os.setxattr(sys.argv[1], 'system.posix_acl_access', struct.pack('<I', 2) + packed)
`;

/** The input as the task would see it. */
async function linked(relative = `${serial}/sub/file`): Promise<string> {
  const link = { root: served.files, relative, path: '/work/in', mode: 0o644, sizeBytes: 6, modifiedAt: 0 };
  const links: readonly LinkedInput[] = [link];
  const { root } = await server.makeWorkspace({ attempt, links, linkedFolders: [] });
  return readFileSync(join(root, 'work', 'in'), 'utf8');
}

it('a file that its owner may read, and reach, is linked', async () => {
  expect(await linked()).toBe('secret');
});

it.each<[string, () => void]>([
  ['in a folder that its owner can’t pass', () => chmodSync(join(folder, 'sub'), 0o700)],
  ['below a folder that its owner can’t pass', () => chmodSync(folder, 0o750)],
  ['that its owner may not read', () => chmodSync(join(folder, 'sub', 'file'), 0o077)],
])('one %s isn’t', async (_, close) => {
  close();
  await expect(linked()).rejects.toMatchObject({ code: 'forbidden' });
});

it('one that a link leads to isn’t', async () => {
  symlinkSync('sub', join(folder, 'link'));
  await expect(linked(`${serial}/link/file`)).rejects.toMatchObject({ code: 'forbidden' });
});

it.each(['sub', 'nothing', 'sub/file/more'])('%s, which is no file, isn’t', async (path) => {
  await expect(linked(`${serial}/${path}`)).rejects.toMatchObject({ code: 'forbidden' });
});

it('one in a folder of a group is, where its owner’s group is that one', async () => {
  chownSync(join(folder, 'sub'), 0, LAB);
  chmodSync(join(folder, 'sub'), 0o710);
  expect(await linked()).toBe('secret');
});

it('one that an access list lets its owner reach is', async () => {
  chmodSync(join(folder, 'sub'), 0o700);
  execFileSync('python3', ['-c', GIVE_PASSAGE, join(folder, 'sub'), String(LAB)]);
  expect(await linked()).toBe('secret');
});

it('control: once it is linked, the kernel shows it whatever bars its owner', async () => {
  const link = { root: served.files, path: '/work/in', mode: 0o644, sizeBytes: 6, modifiedAt: 0 };
  const links = [{ ...link, relative: `${serial}/sub/file` }];
  const { root } = await server.makeWorkspace({ attempt, links, linkedFolders: [] });
  chmodSync(join(folder, 'sub'), 0o700);
  const { uid, gid } = { uid: LAB, gid: LAB };
  const read = `import { readFileSync } from 'node:fs'; process.setgid(${gid}); process.setuid(${uid}); process.stdout.write(readFileSync(process.argv[1], 'utf8'))`;
  const shown = (path: string): string =>
    execFileSync(process.execPath, ['--input-type=module', '--eval', read, path], {
      encoding: 'utf8',
      stdio: 'pipe',
    });
  expect(shown(join(root, 'work', 'in'))).toBe('secret');
  expect(() => shown(join(folder, 'sub', 'file'))).toThrow(/EACCES/);
});

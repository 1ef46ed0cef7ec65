import { execFile } from 'node:child_process';
import { symlink, lstat, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

import { busyboxFiles } from '../../test/fixtures/images.ts';
import { writeLayout } from '../../test/fixtures/layouts.ts';
import { NEVER, temporaryFolder } from '../../test/fixtures/provider.ts';
import type { TarEntry } from '../../test/fixtures/tar.ts';
import { discardImage, unpackImage } from './unpack.ts';

const ID_BASE = 1_000_000;
type Folder = Awaited<ReturnType<typeof temporaryFolder>>;

/** A layout as the image store hands it over: one image, tagged by its digest's digits. */
async function layoutOf(
  folder: Folder,
  ...layers: readonly TarEntry[][]
): Promise<{
  layout: string;
  digest: string;
  destination: string;
  idBase: number;
  idCount: number;
  jail: string;
}> {
  const layout = folder.at('layout');
  const [image] = await writeLayout(layout, [{ names: ['x'], layers }]);
  const digest = image?.digest ?? '';
  await promisify(execFile)('umoci', ['tag', '--image', `${layout}:x`, digest.slice('sha256:'.length)]);
  await Promise.all([mkdir(folder.at('jail')), mkdir(folder.at('roots'))]);
  const destination = folder.at('roots', 'root');
  return { layout, digest, destination, idBase: ID_BASE, idCount: 65_536, jail: folder.at('jail') };
}

it('unpacks under the id map', async () => {
  await using folder = await temporaryFolder();
  const request = await layoutOf(folder, await busyboxFiles(), [
    { path: 'home/user/f', uid: 1000, gid: 50, mode: 0o640, content: 'mine' },
  ]);
  const unpacked = await unpackImage(request, NEVER);
  expect(unpacked.sizeBytes).toBeGreaterThan(1_000_000);
  expect(await lstat(folder.at('roots', 'root', 'home', 'user', 'f'))).toMatchObject({
    uid: ID_BASE + 1000,
    gid: ID_BASE + 50,
    size: 4,
  });
  expect(await lstat(folder.at('roots', 'root', 'bin', 'busybox'))).toMatchObject({
    uid: ID_BASE,
    gid: ID_BASE,
  });
  expect((await readdir(folder.path)).toSorted()).toEqual(['jail', 'layout', 'roots']);
});

it('takes no layout that a link leads to, which umoci alone does', async () => {
  await using folder = await temporaryFolder();
  const request = await layoutOf(folder, [{ path: 'f', content: 'x' }]);
  await symlink(request.layout, folder.at('link'));
  const linked = { ...request, layout: folder.at('link') };
  await expect(unpackImage(linked, NEVER)).rejects.toMatchObject({ code: 'image-invalid' });
  expect(await readdir(folder.at('roots'))).toEqual([]);
  const image = `${linked.layout}:${linked.digest.slice(7)}`;
  await promisify(execFile)('umoci', ['raw', 'unpack', '--image', image, folder.at('control')]);
  expect(await readdir(folder.at('control'))).toEqual(['f']);
});

it('leaves no device node, which umoci alone does make', async () => {
  await using folder = await temporaryFolder();
  const request = await layoutOf(folder, [
    { path: 'dev/sda', type: 'block', mode: 0o666, device: [8, 0] },
    { path: 'kmsg', type: 'character', mode: 0o666, device: [1, 11] },
  ]);
  const image = `${request.layout}:${request.digest.slice(7)}`;
  const map = `0:${ID_BASE}:65536`;
  await promisify(execFile)('umoci', [
    'raw',
    'unpack',
    '--uid-map',
    map,
    '--gid-map',
    map,
    '--image',
    image,
    folder.at('control'),
  ]);
  expect((await lstat(folder.at('control', 'dev', 'sda'))).isBlockDevice()).toBe(true);

  await unpackImage(request, NEVER);
  expect(await readdir(folder.at('roots', 'root', 'dev'))).toEqual([]);
  expect(await readdir(folder.at('roots', 'root'))).toEqual(['dev']);
});

it('a layer cannot write outside, by "..", an absolute path or a symlink', async () => {
  await using folder = await temporaryFolder();
  await mkdir(folder.at('outside'));
  const outside = folder.at('outside');
  const request = await layoutOf(
    folder,
    [
      { path: '../outside/climbed', content: 'x' },
      { path: `${outside}/absolute`, content: 'x' },
      { path: 'link', type: 'symlink', link: outside },
      { path: 'link/followed', content: 'x' },
      { path: 'up', type: 'symlink', link: '../outside' },
      { path: 'up/followed', content: 'x' },
    ],
    [
      { path: 'link/later', content: 'x' },
      { path: 'hard', type: 'hardlink', link: '../outside/none' },
    ],
  );
  // Whether umoci refuses such a layer or keeps it inside, nothing may appear outside.
  const outcome = await unpackImage(request, NEVER).catch((error: unknown) => error);
  expect(await readdir(outside)).toEqual([]);
  if (outcome instanceof Error) expect(outcome).toMatchObject({ code: 'image-invalid' });
});

it('takes whiteouts away', async () => {
  await using folder = await temporaryFolder();
  const below: TarEntry[] = [
    { path: 'a/x', content: '1' },
    { path: 'a/y', content: '2' },
    { path: 'b/z', content: '3' },
  ];
  const request = await layoutOf(folder, below, [
    { path: 'a/.wh.x', content: '' },
    { path: 'b/.wh..wh..opq', content: '' },
    { path: 'b/new', content: '4' },
  ]);
  await unpackImage(request, NEVER);
  expect(await readdir(folder.at('roots', 'root', 'a'))).toEqual(['y']);
  expect(await readdir(folder.at('roots', 'root', 'b'))).toEqual(['new']);
});

it('folders that no layer lists belong to root inside, not to root of the host', async () => {
  await using folder = await temporaryFolder();
  const request = await layoutOf(folder, [{ path: 'opt/tool/bin/x', uid: 5, content: '' }]);
  await unpackImage(request, NEVER);
  for (const path of [['opt'], ['opt', 'tool'], ['opt', 'tool', 'bin']]) {
    const { uid, gid, mode } = await lstat(folder.at('roots', 'root', ...path));
    expect([uid, gid, mode & 0o777]).toEqual([ID_BASE, ID_BASE, 0o755]);
  }
});

it('opens a root that only uid 0 might enter', async () => {
  await using folder = await temporaryFolder();
  const request = await layoutOf(folder, [
    { path: './', type: 'directory', mode: 0o700 },
    { path: 'f', content: '' },
  ]);
  await unpackImage(request, NEVER);
  expect((await lstat(folder.at('roots', 'root'))).mode & 0o777).toBe(0o755);
});

it('leaves nothing behind where the layout is damaged', async () => {
  await using folder = await temporaryFolder();
  const request = await layoutOf(folder, await busyboxFiles());
  const index: { manifests: { digest: string }[] } = JSON.parse(
    await readFile(folder.at('layout', 'index.json'), 'utf8'),
  );
  for (const { digest } of index.manifests)
    await writeFile(folder.at('layout', 'blobs', 'sha256', digest.slice(7)), '{}');
  await expect(unpackImage(request, NEVER)).rejects.toMatchObject({
    code: 'image-invalid',
    message: expect.stringMatching(/umoci can't unpack/),
  });
  expect(await readdir(folder.at('roots'))).toEqual([]);
});

it('a canceled one leaves nothing behind, and no umoci runs on', async () => {
  await using folder = await temporaryFolder();
  const request = await layoutOf(folder, await busyboxFiles());
  await expect(unpackImage(request, AbortSignal.abort())).rejects.toMatchObject({ code: 'canceled' });
  const controller = new AbortController();
  const running = unpackImage(request, controller.signal);
  setImmediate(() => controller.abort());
  await expect(running).rejects.toMatchObject({ code: 'canceled' });
  expect(await readdir(folder.at('roots'))).toEqual([]);
});

it('what an earlier try left is no hindrance', async () => {
  await using folder = await temporaryFolder();
  const request = await layoutOf(folder, [{ path: 'f', content: '' }]);
  await mkdir(folder.at('root.partial', 'old'), { recursive: true });
  await unpackImage(request, NEVER);
  expect(await readdir(folder.at('roots', 'root'))).toEqual(['f']);
  await discardImage(folder.at('roots', 'root'));
  await discardImage(folder.at('roots', 'root'));
  expect(await readdir(folder.at('roots'))).toEqual([]);
});

it.each([
  ['a relative layout', { layout: 'layout' }],
  ['a relative destination', { destination: 'root' }],
  ['NUL in a path', { destination: '/tmp/a\0b' }],
  ['a digest that is an option', { digest: '--rootless' }],
  ['ids of the host', { idBase: 0 }],
  ['ids beyond the kernel', { idBase: 2 ** 32 - 10 }],
  ['a fraction', { idBase: 100_000.5 }],
])('refuses %s', async (_, change) => {
  const sound = {
    layout: '/nowhere',
    destination: '/nowhere/root',
    digest: `sha256:${'a'.repeat(64)}`,
    idBase: ID_BASE,
    idCount: 65_536,
    jail: '/nowhere/jail',
  };
  await expect(unpackImage({ ...sound, ...change }, NEVER)).rejects.toMatchObject({ code: 'warden' });
});

import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { appendFile, lstat, mkdir, open, readdir, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

import { busyboxLayout } from '../../test/fixtures/images.ts';
import { type ImageSpec, writeLayout } from '../../test/fixtures/layouts.ts';
import { acquire, layer, NEVER, newProvider, temporaryFolder } from '../../test/fixtures/provider.ts';
import { tarOf } from '../../test/fixtures/tar.ts';

const run = promisify(execFile);

describe('acquire', () => {
  it.each(['latest', 'user', 'docker', 'zstd', 'plain', 'devices'])(
    'busybox:%s becomes a root that works',
    async (tag) => {
      await using folder = await temporaryFolder();
      const images = await newProvider(folder.path, { layouts: [await busyboxLayout()] });
      const image = await images.resolve(`busybox:${tag}`, NEVER);
      await images.acquire(image, () => {}, NEVER);
      const { rootfs } = images.root(image.digest);
      expect(await lstat(join(rootfs, 'home', 'user'))).toMatchObject({ uid: 1_001_000, gid: 1_001_000 });
      expect(
        (await run('chroot', [rootfs, '/bin/sh', '-c', 'echo $((6*7)); cat /etc/group | wc -l'])).stdout,
      ).toBe('42\n4\n');
      expect((await lstat(folder.path)).mode & 0o077).toBe(0);
    },
  );

  it('refuses an id beyond the map by its file, and another machine by its name', async () => {
    await using folder = await temporaryFolder();
    const images = await newProvider(folder.path, { layouts: [await busyboxLayout()] });
    await expect(acquire(images, 'busybox:big-uid')).rejects.toMatchObject({
      code: 'image-invalid',
      message: expect.stringMatching(/"\/home\/far" has uid 70000/),
    });
    await expect(images.resolve('busybox:arm64', NEVER)).rejects.toMatchObject({ code: 'image-platform' });
    expect([await readdir(folder.at('roots')), await readdir(folder.at('work'))]).toEqual([[], []]);
  });

  it('writes nothing to a layout, not even where its umoci would', async () => {
    await using folder = await temporaryFolder();
    await writeLayout(folder.at('bio'), [layer({ path: 'f', content: '' })]);
    const listing = async (): Promise<string> =>
      (await run('find', [folder.at('bio'), '-printf', '%p %i %n %T@ %s\n'])).stdout;
    const before = await listing();
    await acquire(await newProvider(folder.at('store'), { layouts: [folder.at('bio')] }), 'bio');
    expect(await listing()).toBe(before);
  });

  it('tells of devices outside /dev, and what it is doing', async () => {
    await using folder = await temporaryFolder();
    await writeLayout(folder.at('bio'), [
      layer({ path: 'opt/sda', type: 'block' }, { path: 'dev/null', type: 'character' }),
    ]);
    const images = await newProvider(folder.at('store'), { layouts: [folder.at('bio')] });
    const messages: string[] = [];
    const image = await images.resolve('bio', NEVER);
    await images.acquire(image, (message) => messages.push(message), NEVER);
    const { rootfs } = images.root(image.digest);
    expect(messages).toEqual([
      'checking layer 1 of 1',
      'left out 1 device nodes, such as /opt/sda',
      'unpacking',
    ]);
    expect(await readdir(rootfs)).toEqual([]);
  });

  it('leaves attributes that steer overlays behind, which umoci alone keeps', async () => {
    await using folder = await temporaryFolder();
    const pax = {
      'SCHILY.xattr.trusted.overlay.redirect': '/etc',
      'SCHILY.xattr.user.overlay.origin': 'x',
      'SCHILY.xattr.user.kept': 'yes',
    };
    await writeLayout(folder.at('bio'), [layer({ path: 'd/', type: 'directory', pax })]);
    const attributes = async (root: string): Promise<string> =>
      (await run('tar', ['--xattrs', '--xattrs-include=*', '-cf', '-', '-C', root, 'd'])).stdout;
    await run('umoci', ['raw', 'unpack', '--image', `${folder.at('bio')}:latest`, folder.at('control')]);
    expect(await attributes(folder.at('control'))).toMatch(/\.overlay\./);
    const { rootfs } = await acquire(
      await newProvider(folder.at('store'), { layouts: [folder.at('bio')] }),
      'bio',
    );
    expect(await attributes(rootfs)).not.toMatch(/\.overlay\./);
    expect(await attributes(rootfs)).toMatch(/user\.kept/);
  });

  it.each<[string, (spec: ImageSpec) => ImageSpec, RegExp]>([
    [
      'diff ids that are wrong',
      (spec) => ({
        ...spec,
        alter: ({ config }) => (config['rootfs'] = { diff_ids: [`sha256:${'0'.repeat(64)}`] }),
      }),
      /its content has the digest/,
    ],
    [
      'too few diff ids',
      (spec) => ({ ...spec, alter: ({ config }) => (config['rootfs'] = { diff_ids: [] }) }),
      /lists 0 layers, its manifest 1/,
    ],
    ['layers that are no tar', (spec) => ({ ...spec, layers: [Buffer.from('x'.repeat(2_000))] }), /checksum/],
    [
      'a layer that is cut off',
      (spec) => ({ ...spec, layers: [tarOf([{ path: 'f', content: 'x' }]).subarray(0, 700)] }),
      /cut off/,
    ],
  ])('refuses %s and leaves nothing', async (_, change, message) => {
    await using folder = await temporaryFolder();
    await writeLayout(folder.at('bio'), [change(layer({ path: 'f', content: 'x' }))]);
    const images = await newProvider(folder.at('store'), { layouts: [folder.at('bio')] });
    await expect(acquire(images, 'bio')).rejects.toMatchObject({
      code: 'image-invalid',
      message: expect.stringMatching(message),
    });
    expect([await readdir(folder.at('store', 'roots')), await readdir(folder.at('store', 'work'))]).toEqual([
      [],
      [],
    ]);
  });

  it.each<[string, 'gzip' | 'none', (blob: string) => Promise<unknown>, RegExp]>([
    ['changed in one byte of a file', 'none', changeByte, /damaged: its blob has the digest/],
    ['changed in one byte', 'gzip', changeByte, /decompressed|damaged|cut off|checksum/],
    ['cut off', 'gzip', (blob) => truncate(blob, 100), /decompressed/],
    ['longer', 'none', (blob) => appendFile(blob, 'more'), /damaged: its blob has the digest/],
    ['longer', 'gzip', (blob) => appendFile(blob, 'more'), /damaged|decompressed/],
    ['gone', 'gzip', (blob) => rm(blob), /lacks its blob/],
  ])('refuses a layer that is %s (%s)', async (_, compression, change, message) => {
    await using folder = await temporaryFolder();
    const spec: ImageSpec = { ...layer({ path: 'f', content: randomBytes(5_000) }), compression };
    const [image] = await writeLayout(folder.at('bio'), [spec]);
    await change(folder.at('bio', 'blobs', 'sha256', image?.layers[0]?.slice('sha256:'.length) ?? ''));
    const images = await newProvider(folder.at('store'), { layouts: [folder.at('bio')] });
    await expect(acquire(images, 'bio')).rejects.toMatchObject({
      code: 'image-invalid',
      message: expect.stringMatching(message),
    });
    expect(await readdir(folder.at('store', 'roots'))).toEqual([]);
  });

  it('stops at its limits: a gzip bomb of 256 MB never reaches the disk', async () => {
    await using folder = await temporaryFolder();
    await writeLayout(folder.at('bio'), [layer({ path: 'bomb', content: Buffer.alloc(2 ** 28) })]);
    const images = await newProvider(folder.at('store'), {
      layouts: [folder.at('bio')],
      limits: { imageBytes: 2 ** 20 },
    });
    await expect(acquire(images, 'bio')).rejects.toMatchObject({
      code: 'image-invalid',
      message: expect.stringMatching(/more than 1048576 bytes/),
    });
  });

  it('says so where the disk is full, and works once there is room', async () => {
    await using folder = await temporaryFolder();
    await mkdir(folder.at('small'));
    await run('mount', ['-t', 'tmpfs', '-o', 'size=3m,mode=700', 'tmpfs', folder.at('small')]);
    try {
      const layouts = [await busyboxLayout()];
      const images = await newProvider(folder.at('small', 'store'), { layouts });
      await expect(acquire(images, 'busybox')).rejects.toMatchObject({ code: 'disk-full' });
      expect(await readdir(folder.at('small', 'store', 'work'))).toEqual([]);
      await run('mount', ['-o', 'remount,size=30m', folder.at('small')]);
      expect((await acquire(images, 'busybox')).rootfs).toContain('small');
    } finally {
      await run('umount', [folder.at('small')]);
    }
  });
});

async function changeByte(blob: string): Promise<void> {
  await using file = await open(blob, 'r+');
  await file.write(Buffer.from([0x7f]), 0, 1, 1_000);
}

describe('what is told', () => {
  it('of a tag that is nowhere: those that the layouts have', async () => {
    await using folder = await temporaryFolder();
    const layouts = [await busyboxLayout()];
    const images = await newProvider(folder.path, { layouts, onlyListedRegistries: true });
    await expect(images.resolve('busybox:missing', NEVER)).rejects.toMatchObject({
      message: expect.stringMatching(/In images\.layouts it has the tags .*docker, .*latest/),
    });
    await expect(images.resolve('elsewhere:missing', NEVER)).rejects.toMatchObject({
      message: expect.stringContaining('No layout of images.layouts has it either'),
    });
  });
});

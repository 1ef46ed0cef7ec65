import { lstat, mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { busyboxLayout } from '../../test/fixtures/images.ts';
import { writeLayout } from '../../test/fixtures/layouts.ts';
import {
  acquire,
  layer,
  NEVER,
  newProvider,
  type ProviderChanges,
  type TemporaryFolder,
  type TestProvider,
  temporaryFolder,
} from '../../test/fixtures/provider.ts';
import { until } from '../../test/poll.ts';
import type { ResolvedImage } from './images.ts';

const DAY = 86_400_000;

describe('callers at once', () => {
  it('one digest is unpacked once, by whatever names', async () => {
    await using folder = await temporaryFolder();
    await writeLayout(folder.at('bio'), [{ ...layer({ path: 'f', content: '' }), names: ['latest', 'v1'] }]);
    const { unpack, calls, go } = countingUnpack();
    const images = await newProvider(folder.at('store'), { layouts: [folder.at('bio')], unpack });
    const all = Promise.all(['bio', 'bio:v1', 'bio', 'bio:v1'].map((name) => acquire(images, name)));
    await until(() => calls.length > 0, { what: 'unpacking to begin' });
    go();
    expect(new Set((await all).map(({ rootfs }) => rootfs)).size).toBe(1);
    expect(calls.length).toBe(1);
    await acquire(images, 'bio');
    expect(calls.length).toBe(1);
  });

  it('one that is canceled fails no other; when all are, nothing stays and the next one works', async () => {
    await using folder = await temporaryFolder();
    await writeLayout(folder.at('bio'), [layer({ path: 'f', content: '' })]);
    const { unpack, calls, go } = countingUnpack();
    const images = await newProvider(folder.at('store'), { layouts: [folder.at('bio')], unpack });
    const image = await images.resolve('bio', NEVER);
    const [first, second] = [new AbortController(), new AbortController()];
    const tries = [first, second].map(({ signal }) => images.acquire(image, () => {}, signal));
    await until(() => calls.length > 0, { what: 'unpacking to begin' });
    first.abort();
    await expect(tries[0]).rejects.toMatchObject({ code: 'canceled' });
    second.abort();
    await expect(tries[1]).rejects.toMatchObject({ code: 'canceled' });
    go();
    await until(async () => (await readdir(folder.at('store', 'work'))).length === 0, {
      what: 'the work to be cleared',
    });
    expect(await readdir(folder.at('store', 'roots'))).toEqual([]);
    await images.acquire(image, () => {}, NEVER);
    expect(await readdir(images.root(image.digest).rootfs)).toEqual(['f']);
    // Neither canceled caller holds it.
    images.release(image.digest);
  });
});

describe('collect', () => {
  it('removes what was unused for too long, never what is in use, each once', async () => {
    await using folder = await temporaryFolder();
    const start = Date.now();
    let now = start;
    const { images: make, names } = await three(folder);
    const images = await make(() => now, { unusedMs: DAY });
    const [one, two, three_] = await Promise.all(names.map((name) => used(images, name)));
    images.release(one?.digest ?? '');
    images.release(two?.digest ?? '');
    await used(images, 'bio:three');
    images.release(three_?.digest ?? '');
    expect(await images.collect()).toEqual({ removed: [], freedBytes: 0 });
    now = start + 2 * DAY;
    const both = await Promise.all([images.collect(), images.collect()]);
    expect(both.flatMap(({ removed }) => [...removed]).toSorted()).toEqual(
      [one, two].map((image) => image?.digest ?? '').toSorted(),
    );
    expect(both[0].freedBytes + both[1].freedBytes).toBeGreaterThan(2_000_000);
    expect(await readdir(folder.at('store', 'roots'))).toEqual([three_?.digest.slice(7)]);
    expect(await readdir(folder.at('store', 'work'))).toEqual([]);

    images.release(three_?.digest ?? '');
    expect((await images.collect()).removed).toEqual([]);
    now += 2 * DAY;
    expect((await images.collect()).removed).toEqual([three_?.digest]);
    expect(await readdir((await acquire(images, 'bio:one')).rootfs)).toEqual(['one']);
  });

  it('over the size, removes the longest unused first and no more than needed', async () => {
    await using folder = await temporaryFolder();
    let now = Date.now();
    const { images: make, names } = await three(folder);
    const images = await make(() => now, { storeBytes: 2_500_000 });
    const order: string[] = [];
    for (const name of [names[1], names[0], names[2]]) {
      const { digest } = await used(images, name ?? '');
      now += 60_000;
      images.release(digest);
      order.push(digest);
    }
    expect((await images.collect()).removed).toEqual([order[0]]);
    expect((await images.collect()).removed).toEqual([]);
  });

  it('races with acquire: who gets a root gets one that is there', async () => {
    await using folder = await temporaryFolder();
    const { images: make } = await three(folder);
    const images = await make(() => Date.now() + 10 * DAY, { unusedMs: 1 });
    for (let round = 0; round < 10; round += 1) {
      const [{ digest, rootfs }] = await Promise.all([
        acquire(images, 'bio:one'),
        images.collect(),
        images.collect(),
      ]);
      expect(await readdir(rootfs)).toEqual(['one']);
      images.release(digest);
    }
  });
});

describe('a restart', () => {
  it('finds what was unpacked, and clears what a crash left', async () => {
    await using folder = await temporaryFolder();
    const layouts = [await busyboxLayout()];
    const before = await acquire(await newProvider(folder.path, { layouts }), 'busybox');
    await mkdir(folder.at('work', 'image-crash', 'made', 'rootfs.partial'), { recursive: true });
    await mkdir(folder.at('roots', `${'0'.repeat(64)}.old`, 'rootfs'), { recursive: true });
    const after = await newProvider(folder.path, {
      layouts,
      unpack: () => Promise.reject(new Error('not again')),
    });
    expect(await acquire(after, 'busybox')).toMatchObject({ rootfs: before.rootfs, digest: before.digest });
    expect(await readdir(folder.at('work'))).toEqual([]);
    expect(await readdir(folder.at('roots'))).toEqual([before.digest.slice('sha256:'.length)]);
  });

  it('does not take an image without its record, or of another id range', async () => {
    await using folder = await temporaryFolder();
    const layouts = [await busyboxLayout()];
    const { rootfs } = await acquire(await newProvider(folder.path, { layouts }), 'busybox');
    await rm(join(rootfs, '..', 'image.json'));
    await rm(join(rootfs, 'etc', 'passwd'));
    const repaired = await acquire(await newProvider(folder.path, { layouts }), 'busybox');
    expect(await readFile(join(repaired.rootfs, 'etc', 'passwd'), 'utf8')).toContain('root');
    const moved = await acquire(await newProvider(folder.path, { layouts, idBase: 2_000_000 }), 'busybox');
    expect((await lstat(moved.rootfs)).uid).toBe(2_000_000);
  });
});

/** Counts, and can be held up. */
function countingUnpack(): {
  unpack: NonNullable<ProviderChanges['unpack']>;
  calls: string[];
  go: () => void;
} {
  const calls: string[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  return {
    calls,
    go: resolve,
    async unpack(request, signal, real) {
      calls.push(request.digest);
      await promise;
      return real(request, signal);
    },
  };
}

async function three(folder: TemporaryFolder): Promise<{
  images: (clock: () => number, limits: { storeBytes?: number; unusedMs?: number }) => Promise<TestProvider>;
  names: string[];
}> {
  const names = ['one', 'two', 'three'];
  await writeLayout(
    folder.at('bio'),
    names.map((name) => ({
      names: [name],
      layers: [[{ path: name, content: Buffer.alloc(1_000_000, name) }]],
    })),
  );
  return {
    names: names.map((name) => `bio:${name}`),
    images: (now, limits) => newProvider(folder.at('store'), { layouts: [folder.at('bio')], now, limits }),
  };
}

async function used(images: TestProvider, name: string): Promise<ResolvedImage> {
  const image = await images.resolve(name, NEVER);
  await images.acquire(image, () => {}, NEVER);
  return image;
}

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFile, rename, rm, stat, symlink, truncate, utimes, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

import { type ImageSpec, writeIndex, writeLayout, writeNestedIndex } from '../../test/fixtures/layouts.ts';
import { NEVER, temporaryFolder } from '../../test/fixtures/provider.ts';
import { createLayoutSource } from './layout.ts';
import { parseReference } from './reference.ts';
import type { FoundImage } from './source.ts';

function image(name: string, marker: string, changes: Partial<ImageSpec> = {}): ImageSpec {
  return {
    names: [name],
    layers: [[{ path: marker, content: marker }]],
    config: { User: marker },
    ...changes,
  };
}

function find(folders: readonly string[], reference: string): Promise<FoundImage | undefined> {
  return createLayoutSource(folders, Date.now).find(parseReference(reference), NEVER);
}

/** When what was written just now has long been so. */
function later(): number {
  return Date.now() + 60_000;
}

async function userOf(folders: readonly string[], reference: string): Promise<string | undefined> {
  return (await find(folders, reference))?.config.image.user;
}

describe('names', () => {
  it('a bare tag makes the image FOLDER:TAG, however Docker would write that', async () => {
    await using folder = await temporaryFolder();
    await writeLayout(folder.at('bio'), [image('latest', 'one'), image('v2', 'two')]);
    for (const name of [
      'bio',
      'bio:latest',
      'docker.io/bio',
      'docker.io/library/bio:latest',
      'library/bio',
    ]) {
      expect(await userOf([folder.path], name)).toBe('one');
    }
    expect(await userOf([folder.path], 'bio:v2')).toBe('two');
    expect(await userOf([folder.path], 'bio:v3')).toBeUndefined();
    expect(await userOf([folder.path], 'quay.io/bio')).toBeUndefined();
  });

  it('a full reference stands for itself', async () => {
    await using folder = await temporaryFolder();
    await writeLayout(folder.at('any'), [
      image('quay.io/a/b:1', 'one'),
      image('alpine:3', 'two'),
      image('no reference', 'x'),
    ]);
    expect(await userOf([folder.path], 'quay.io/a/b:1')).toBe('one');
    expect(await userOf([folder.path], 'docker.io/library/alpine:3')).toBe('two');
    expect(await userOf([folder.path], 'any:1')).toBeUndefined();
  });

  it('a folder of the list may be a layout itself, hold some, hold none, or be missing', async () => {
    await using folder = await temporaryFolder();
    await writeLayout(folder.at('bio'), [image('latest', 'one')]);
    await writeFile(folder.at('file'), '');
    const folders = [folder.at('missing'), folder.at('file'), '/proc/self/fdinfo'];
    expect(await userOf([...folders, folder.at('bio')], 'bio')).toBe('one');
    expect(await userOf(folders, 'bio')).toBeUndefined();
  });

  it('a digest names its image below the same name only, also within an index', async () => {
    await using folder = await temporaryFolder();
    const [first] = await writeLayout(folder.at('bio'), [image('latest', 'one')]);
    expect(await userOf([folder.path], `bio@${first?.digest}`)).toBe('one');
    expect(await userOf([folder.path], `bio:other@${first?.digest}`)).toBe('one');
    expect(await userOf([folder.path], `other@${first?.digest}`)).toBeUndefined();

    const nested = await writeNestedIndex(folder.at('multi'), [image('', 'two')]);
    await writeIndex(folder.at('multi'), [nested]);
    const { digest } = (await find([folder.path], `multi@${nested.digest}`)) ?? {};
    expect(digest).not.toBe(nested.digest);
    expect(await userOf([folder.path], `multi@${digest}`)).toBe('two');
  });

  it('two images of one name are refused with both places; the same image twice is none the worse', async () => {
    await using folder = await temporaryFolder();
    await writeLayout(folder.at('bio'), [image('latest', 'one')]);
    await writeLayout(folder.at('copy'), [image('bio:latest', 'one')]);
    expect(await userOf([folder.path], 'bio')).toBe('one');
    await writeLayout(folder.at('other'), [image('bio:latest', 'two')]);
    await expect(find([folder.path], 'bio')).rejects.toMatchObject({
      code: 'image-invalid',
      message: expect.stringMatching(/docker\.io\/library\/bio:latest is ambiguous.*bio and .*other/),
    });
  });

  it('finds what umoci and skopeo write', async () => {
    await using folder = await temporaryFolder();
    await writeLayout(folder.at('bio'), [image('latest', 'one')]);
    await promisify(execFile)('umoci', ['tag', '--image', `${folder.at('bio')}:latest`, 'by-umoci']);
    await promisify(execFile)('skopeo', [
      'copy',
      '-q',
      '--insecure-policy',
      `oci:${folder.at('bio')}:latest`,
      `oci:${folder.at('x')}:quay.io/a/b:2`,
    ]);
    expect(await userOf([folder.path], 'bio:by-umoci')).toBe('one');
    expect(await userOf([folder.path], 'quay.io/a/b:2')).toBe('one');
  });
});

describe('platforms', () => {
  it('takes linux/amd64 out of an index', async () => {
    await using folder = await temporaryFolder();
    const nested = await writeNestedIndex(folder.at('bio'), [
      image('', 'arm', { architecture: 'arm64' }),
      image('', 'intel'),
    ]);
    await writeIndex(folder.at('bio'), [
      { ...nested, annotations: { 'org.opencontainers.image.ref.name': 'latest' } },
    ]);
    expect(await userOf([folder.path], 'bio')).toBe('intel');
  });

  it('takes it from several entries of one name', async () => {
    await using folder = await temporaryFolder();
    await writeLayout(folder.at('bio'), [
      image('latest', 'arm', { architecture: 'arm64', listsPlatform: true }),
      image('latest', 'intel', { listsPlatform: true }),
    ]);
    expect(await userOf([folder.path], 'bio')).toBe('intel');
  });

  it.each([true, false])(
    'names what there is where none fits (platform in the index: %s)',
    async (listsPlatform) => {
      await using folder = await temporaryFolder();
      await writeLayout(folder.at('bio'), [image('latest', 'arm', { architecture: 'arm64', listsPlatform })]);
      await expect(find([folder.path], 'bio')).rejects.toMatchObject({
        code: 'image-platform',
        message: expect.stringContaining('linux/arm64'),
      });
    },
  );

  it('follows an index into itself only so far', async () => {
    await using folder = await temporaryFolder();
    let entry: object = await writeNestedIndex(folder.at('bio'), [image('', 'one')]);
    for (let depth = 0; depth < 6; depth += 1) {
      const bytes = JSON.stringify({ schemaVersion: 2, manifests: [entry] });
      const hex = createHash('sha256').update(bytes).digest('hex');
      await writeFile(folder.at('bio', 'blobs', 'sha256', hex), bytes);
      entry = {
        mediaType: 'application/vnd.oci.image.index.v1+json',
        digest: `sha256:${hex}`,
        size: bytes.length,
      };
    }
    await writeIndex(folder.at('bio'), [
      { ...entry, annotations: { 'org.opencontainers.image.ref.name': 'latest' } },
    ]);
    await expect(find([folder.path], 'bio')).rejects.toMatchObject({
      code: 'image-invalid',
      message: expect.stringContaining('nested'),
    });
  });
});

describe('a source that has answered before', () => {
  it('answers again without reading the image, until the layout is another', async () => {
    await using folder = await temporaryFolder();
    await writeLayout(folder.at('bio'), [image('latest', 'one')]);
    const source = createLayoutSource([folder.path], later);
    const user = async (): Promise<string | undefined> =>
      (await source.find(parseReference('bio'), NEVER))?.config.image.user;
    expect(await user()).toBe('one');
    await rename(folder.at('bio', 'blobs'), folder.at('bio', 'away'));
    expect(await user()).toBe('one');
    // Control: a source that has not answered yet.
    await expect(find([folder.path], 'bio')).rejects.toThrow(/lacks its blob/);

    await rm(folder.at('bio'), { recursive: true });
    expect(await user()).toBeUndefined();
    await writeLayout(folder.at('bio'), [image('latest', 'two')]);
    expect(await user()).toBe('two');
    await writeLayout(folder.at('new'), [image('latest', 'three')]);
    await rename(folder.at('bio'), folder.at('old'));
    await rename(folder.at('new'), folder.at('bio'));
    expect(await user()).toBe('three');
  });

  it('sees an index of the same size that was written in place, with the old time set', async () => {
    await using folder = await temporaryFolder();
    await writeLayout(folder.at('bio'), [image('latest', 'one')]);
    const index = folder.at('bio', 'index.json');
    const [before, times] = [await readFile(index), await stat(index)];
    await writeLayout(folder.at('bio'), [image('latest', 'two')]);
    const after = await readFile(index);
    await writeFile(index, before);
    await utimes(index, times.atime, times.mtime);

    const source = createLayoutSource([folder.path], later);
    const digest = async (): Promise<string | undefined> =>
      (await source.find(parseReference('bio'), NEVER))?.digest;
    const first = await digest();
    await writeFile(index, after);
    await utimes(index, times.atime, times.mtime);
    expect(after.length).toBe(before.length);
    expect(await digest()).not.toBe(first);
  });

  it('reads anew what was written a moment ago, as a second change might show the same time', async () => {
    await using folder = await temporaryFolder();
    await writeLayout(folder.at('bio'), [image('latest', 'one')]);
    const source = createLayoutSource([folder.path], Date.now);
    await source.find(parseReference('bio'), NEVER);
    await rm(folder.at('bio', 'blobs'), { recursive: true });
    await expect(source.find(parseReference('bio'), NEVER)).rejects.toThrow(/lacks its blob/);
  });

  it('of ambiguous names, answers once one is gone', async () => {
    await using folder = await temporaryFolder();
    await writeLayout(folder.at('bio'), [image('latest', 'one')]);
    await writeLayout(folder.at('other'), [image('bio:latest', 'two')]);
    const source = createLayoutSource([folder.path], later);
    await expect(source.find(parseReference('bio'), NEVER)).rejects.toThrow(/ambiguous/);
    await rm(folder.at('other', 'oci-layout'));
    expect((await source.find(parseReference('bio'), NEVER))?.config.image.user).toBe('one');
  });
});

describe('layouts that are damaged or hostile', () => {
  it.each<[string, Parameters<typeof broken>[0], RegExp]>([
    ['index.json is missing', (at) => rm(at('index.json')), /lacks its index\.json/],
    ['index.json is no JSON', (at) => writeFile(at('index.json'), 'x'), /index\.json isn't JSON/],
    [
      'index.json is huge',
      (at) => truncate(at('index.json'), 2 ** 40),
      /larger than the limit of 4194304 bytes/,
    ],
    [
      'index.json is a directory',
      (at) => rm(at('index.json')).then(() => rename(at('blobs'), at('index.json'))),
      /isn't a regular file/,
    ],
    [
      'index.json is a FIFO',
      (at) => rm(at('index.json')).then(() => promisify(execFile)('mkfifo', [at('index.json')])),
      /isn't a regular file/,
    ],
    [
      'index.json leads out',
      (at) => rm(at('index.json')).then(() => symlink('../outside.json', at('index.json'))),
      /symbolic link that leaves/,
    ],
    [
      'the blobs lead out',
      (at) => rename(at('blobs'), at('..', 'blobs')).then(() => symlink('../blobs', at('blobs'))),
      /symbolic link that leaves/,
    ],
    [
      'a blob leads out',
      (at, hex) =>
        rm(at('blobs', 'sha256', hex)).then(() => symlink('/etc/shadow', at('blobs', 'sha256', hex))),
      /symbolic link that leaves/,
    ],
    ['a blob is missing', (at, hex) => rm(at('blobs', 'sha256', hex)), /lacks its blob/],
    ['a blob was changed', (at, hex) => writeFile(at('blobs', 'sha256', hex), '{}'), /is damaged/],
    ['a blob is huge', (at, hex) => truncate(at('blobs', 'sha256', hex), 2 ** 40), /larger than the limit/],
    ['another version', (at) => writeFile(at('oci-layout'), '{"imageLayoutVersion":"9"}'), /only "1\.0\.0"/],
    [
      'a digest that is a path',
      (at) => writeIndex(at(), [{ mediaType: 'x', size: 1, digest: 'sha256:../../../../etc/shadow' }]),
      /digest must be/,
    ],
  ])('%s', async (_, change, message) => {
    expect(await broken(change)).toMatchObject({
      code: 'image-invalid',
      message: expect.stringMatching(message),
    });
  });

  it('control: a symlink that stays inside is followed', async () => {
    const found = await broken(async (at) => {
      await rename(at('index.json'), at('real.json'));
      await symlink('real.json', at('index.json'));
    });
    expect(found).toMatchObject({ config: { image: { user: 'one' } } });
  });
});

/** What `bio` resolves to, or why not, after the change to its layout. */
async function broken(
  change: (layout: (...names: string[]) => string, digest: string) => Promise<unknown>,
): Promise<unknown> {
  await using folder = await temporaryFolder();
  await writeFile(folder.at('outside.json'), '{"schemaVersion":2,"manifests":[]}');
  const [written] = await writeLayout(folder.at('bio'), [image('latest', 'one')]);
  const digest = written?.digest.slice('sha256:'.length) ?? '';
  await change((...names) => folder.at('bio', ...names), digest);
  return await find([folder.at('bio')], 'bio').catch((error: unknown) => error);
}

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { type TarEntry, tarHeader, tarOf } from '../../test/fixtures/tar.ts';
import { type FilterState, filterTar } from './tar-filter.ts';

function newState(changes: Partial<FilterState> = {}): FilterState {
  return {
    idCount: 65_536,
    maxBytes: 1e9,
    maxFiles: 1e6,
    bytes: 0,
    files: 0,
    leftOut: new Set(),
    ...changes,
  };
}

async function filtered(tar: Buffer, state = newState(), chunkBytes = 65_536): Promise<Buffer> {
  async function* chunks(): AsyncGenerator<Buffer> {
    for (let start = 0; start < tar.length; start += chunkBytes)
      yield tar.subarray(start, start + chunkBytes);
  }
  const parts: Buffer[] = [];
  for await (const part of filterTar(chunks(), state)) parts.push(part);
  return Buffer.concat(parts);
}

const file: TarEntry = { path: 'bin/tool', mode: 0o4755, content: 'x'.repeat(700) };

describe('what passes', () => {
  it('an honest layer, byte for byte', async () => {
    const tar = tarOf([
      { path: './', type: 'directory' },
      file,
      { path: 'bin/link', type: 'symlink', link: '../../../../etc/passwd' },
      { path: 'bin/hard', type: 'hardlink', link: 'bin/tool' },
      { path: 'run/pipe', type: 'fifo' },
      {
        path: 'long',
        content: 'y',
        pax: { path: `deep/${'d'.repeat(300)}`, mtime: '1.5', 'SCHILY.xattr.user.note': 'kept\n=' },
      },
      { path: '.wh.gone', content: '' },
    ]);
    expect((await filtered(tar)).equals(tar)).toBe(true);
  });

  it('any entries in chunks of any size', async () => {
    const entries = fc.array(
      fc.record({ path: fc.stringMatching(/^[a-z]{1,20}$/), content: fc.string({ maxLength: 1500 }) }),
      { maxLength: 8 },
    );
    await fc.assert(
      fc.asyncProperty(entries, fc.integer({ min: 1, max: 2000 }), async (files, chunkBytes) => {
        const tar = tarOf(files);
        expect((await filtered(tar, newState(), chunkBytes)).equals(tar)).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  it('an archive without its end mark, and rubbish after it left out', async () => {
    const tar = tarOf([file]);
    expect((await filtered(tar.subarray(0, tar.length - 1024))).equals(tar)).toBe(true);
    expect((await filtered(Buffer.concat([tar, Buffer.from('rubbish')]))).equals(tar)).toBe(true);
  });
});

describe('what is left out', () => {
  it('device nodes, with their extension headers and the hard links to them, in later layers too', async () => {
    const state = newState();
    const devices: TarEntry[] = [
      { path: 'dev/sda', type: 'block', device: [8, 0], pax: { mtime: '1' } },
      { path: './dev/kmsg', type: 'character', device: [1, 11] },
      { path: 'dev/too', type: 'hardlink', link: './dev/sda' },
    ];
    expect((await filtered(tarOf([...devices, file]), state)).equals(tarOf([file]))).toBe(true);
    expect(
      (await filtered(tarOf([{ path: 'x', type: 'hardlink', link: '/dev/too' }, file]), state)).equals(
        tarOf([file]),
      ),
    ).toBe(true);
    expect([...state.leftOut]).toEqual(['/dev/sda', '/dev/kmsg', '/dev/too', '/x']);
  });

  it('a device that a later layer replaces by a file is forgotten', async () => {
    const state = newState();
    await filtered(tarOf([{ path: 'a', type: 'character' }]), state);
    const later = tarOf([
      { path: 'a', content: '' },
      { path: 'b', type: 'hardlink', link: 'a' },
    ]);
    expect((await filtered(later, state)).equals(later)).toBe(true);
  });

  it('attributes that steer overlays or mean the host, and nothing else of the same header', async () => {
    const pax = { mtime: '1', 'SCHILY.xattr.user.note': 'kept' };
    const hostile = {
      'SCHILY.xattr.trusted.overlay.redirect': '/etc',
      'SCHILY.xattr.user.overlay.metacopy': '',
      'LIBARCHIVE.xattr.trusted.overlay.opaque': 'eQ==',
      'SCHILY.xattr.security.capability': 'all',
    };
    expect(
      (await filtered(tarOf([{ ...file, pax: { ...hostile, ...pax } }]))).equals(tarOf([{ ...file, pax }])),
    ).toBe(true);
    expect((await filtered(tarOf([{ ...file, pax: hostile }]))).equals(tarOf([file]))).toBe(true);
  });

  it("git's global header", async () => {
    const global = Buffer.concat([
      tarHeader({ path: 'pax_global_header' }, 'g', 512),
      Buffer.alloc(512, 'x'),
    ]);
    expect((await filtered(Buffer.concat([global, tarOf([file])]))).equals(tarOf([file]))).toBe(true);
  });
});

describe('what is refused, by name', () => {
  it.each<[string, Buffer, RegExp, Partial<FilterState>?]>([
    ['a uid that the map lacks', tarOf([{ path: 'home/far', uid: 65_536 }]), /"\/home\/far" has uid 65536/],
    ['a gid in the large form', tarOf([{ path: 'f', gid: 2 ** 31 }]), /"\/f" has gid 2147483648/],
    ['a uid in an extended header', tarOf([{ path: 'f', pax: { uid: '70000' } }]), /"\/f" has uid 70000/],
    ['a uid that is no number', tarOf([{ path: 'f', pax: { uid: '-1' } }]), /uid isn't a number/],
    [
      'a sparse file',
      tarOf([{ path: 'f', pax: { 'GNU.sparse.major': '1', 'GNU.sparse.realsize': '9223372036854775807' } }]),
      /sparse/,
    ],
    [
      'the old sparse type',
      Buffer.concat([tarHeader(file, 'S', 0), Buffer.alloc(1024)]),
      /unsupported type "S"/,
    ],
    ['an unknown type', Buffer.concat([tarHeader(file, 'D', 0), Buffer.alloc(1024)]), /unsupported type "D"/],
    [
      'a wrong checksum',
      Buffer.concat([tarHeader(file, '0', 0).fill(0x41, 0, 1), Buffer.alloc(1024)]),
      /checksum/,
    ],
    ['an archive cut off in a file', tarOf([file]).subarray(0, 900), /cut off/],
    ['an archive cut off in a header', tarOf([file]).subarray(0, 100), /cut off/],
    [
      'an end after an extended header',
      tarOf([{ path: 'f', pax: { a: 'b' } }]).subarray(0, 1024),
      /ends after an extension/,
    ],
    [
      'two extended headers',
      Buffer.concat([
        tarOf([{ path: 'f', pax: { a: 'b' } }]).subarray(0, 1024),
        tarOf([{ path: 'f', pax: { a: 'b' } }]),
      ]),
      /in a row/,
    ],
    [
      'a malformed extended header',
      Buffer.concat([tarHeader({ path: 'x' }, 'x', 9), Buffer.alloc(512, '99 a=b\n')]),
      /malformed/,
    ],
    [
      'a huge extended header',
      Buffer.concat([tarHeader({ path: 'x' }, 'x', 2 ** 30), Buffer.alloc(512)]),
      /over 1048576 bytes/,
    ],
    [
      'a directory with content',
      Buffer.concat([tarHeader({ path: 'd/' }, '\0', 512), Buffer.alloc(1536)]),
      /has content/,
    ],
    ['too many bytes', tarOf([file]), /more than 699 bytes/, { maxBytes: 699 }],
    ['too many files', tarOf([file, file]), /more than 1 files/, { maxFiles: 1 }],
    ['no tar at all', Buffer.alloc(2048, 'PK'), /checksum/],
  ])('%s', async (_, tar, message, changes) => {
    await expect(filtered(tar, newState(changes))).rejects.toThrow(
      expect.objectContaining({ code: 'image-invalid', message: expect.stringMatching(message) }),
    );
  });
});

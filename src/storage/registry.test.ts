import { expect, test } from 'vitest';
import { createConfinedTrees } from '../warden/tree.ts';
import { createFileStorage } from './file.ts';
import { createHttpStorage } from './http.ts';
import { createStorages } from './registry.ts';

const file = createFileStorage({ roots: [{ path: '/data' }], trees: createConfinedTrees() });
const http = createHttpStorage({ allowPrivate: [], maxBytes: 1, idleMs: 1 });

test('a storage is chosen by scheme, in any case; a bare path is a file', () => {
  const storages = createStorages([file, http]);
  for (const url of ['/data/x', 'file:///data/x', 'FILE:///data/x']) expect(storages.for(url)).toBe(file);
  for (const url of ['http://h/x', 'https://h/x', 'HTTPS://h/x']) expect(storages.for(url)).toBe(http);
  expect(storages.advertised).toEqual(['file:///data']);
});

test.each(['s3://bucket/key', 'gs://bucket/key', 'ftp://h/x', 'sftp://h/x'])(
  'what this site has not is named: %s',
  (url) => {
    const scheme = url.split(':')[0];
    const choose = () => createStorages([file]).for(url);
    expect(choose).toThrow(expect.objectContaining({ code: 'storage-unsupported' }));
    expect(choose).toThrow(`this site has no storage for ${scheme}:// URLs; it has file://`);
    expect(() => createStorages([]).for(url)).toThrow('it has none');
  },
);

test('two storages of one scheme are refused at start', () => {
  expect(() => createStorages([file, file])).toThrow(expect.objectContaining({ code: 'config' }));
});

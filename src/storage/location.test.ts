import { describe, expect, test } from 'vitest';
import { filePath } from './file-location.ts';
import { appendPath, schemeOf } from './location.ts';

describe('a URL with a path appended', () => {
  test.each([
    ['/data/out', '', '/data/out'],
    ['/data/out', 'a/b.txt', '/data/out/a/b.txt'],
    ['/data/out/', 'b.txt', '/data/out/b.txt'],
    ['/data/out', '100%?#.txt', '/data/out/100%?#.txt'],
    ['file:///data/out', 'a b/100%?#é.txt', 'file:///data/out/a%20b/100%25%3F%23%C3%A9.txt'],
    ['file:///data/out/', "it's_(1)+2,=@:;&$!~*.txt", "file:///data/out/it's_(1)+2,=@:;&$!~*.txt"],
    ['https://h.example/p?signature=x', 'a b', 'https://h.example/p/a%20b?signature=x'],
    ['https://h.example/p/', 'a', 'https://h.example/p/a'],
  ])('%s and %s make %s', (url, path, made) => {
    expect(appendPath(url, path)).toBe(made);
  });

  test.each(['a b', '100%', '%25', 'é?#', '[x]{y}|z', 'back\\slash'])(
    'a file URL leads back to the file: %s',
    (path) => {
      expect(filePath(appendPath('file:///data', path))).toBe(`/data/${path}`);
    },
  );
});

test.each([
  ['/data', 'file'],
  ['file:///data', 'file'],
  ['S3://bucket/key', 's3'],
  ['https://h.example/', 'https'],
  ['relative/path', ''],
])('the scheme of %s is %j', (url, scheme) => {
  expect(schemeOf(url)).toBe(scheme);
});

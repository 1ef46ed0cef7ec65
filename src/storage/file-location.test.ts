import { describe, expect, test } from 'vitest';
import { type FileRoot, filePath, findRoot } from './file-location.ts';

const ROOTS: readonly FileRoot[] = [
  { path: '/data' },
  { path: '/data/out', write: true },
  { path: '/data/out put', write: true },
];

describe('the path of a file URL', () => {
  test.each([
    ['/data/x', '/data/x'],
    ['/data//x/./y/', '/data/x/y'],
    ['/data/100%.txt', '/data/100%.txt'],
    ['/data/a%20b', '/data/a%20b'],
    ['/data/what?#', '/data/what?#'],
    ['file:///data/x', '/data/x'],
    ['FILE:///data/x', '/data/x'],
    ['file://localhost/data/x', '/data/x'],
    ['file:///data/a%20b', '/data/a b'],
    ['file:///data/%C3%A9', '/data/é'],
    ['file:///data/é', '/data/é'],
    ['file:///data/100%25.txt', '/data/100%.txt'],
    ['file:///data/a%2520b', '/data/a%20b'],
    ['file:///data/a+b', '/data/a+b'],
    ['file:///data/%3F%23', '/data/?#'],
    ['file:///data//x/%2e/y/', '/data/x/y'],
  ])('%s is %s', (url, path) => {
    expect(filePath(url)).toBe(path);
  });

  test.each([
    ['/data/../etc/passwd', '".." part'],
    ['file:///data/%2e%2e/etc/passwd', '".." part'],
    ['file:///data/..%2fetc', 'encoded slash'],
    ['file:///data/a%2Fb', 'encoded slash'],
    ['file:///data/a%00b', 'NUL'],
    ['/data/a\0b', 'NUL'],
    ['file:///data/100%.txt', 'write %25'],
    ['file:///data/%ff', 'write %25'],
    ['file:///data/x?y', 'write %3F'],
    ['file:///data/x#y', 'write %3F or %23'],
    ['file://elsewhere/data/x', 'names another host'],
    ['file:data/x', 'is not file:///'],
    ['file:/data/x', 'is not file:///'],
  ])('%j is refused', (url, problem) => {
    expect(() => filePath(url)).toThrow(expect.objectContaining({ code: 'storage-denied' }));
    expect(() => filePath(url)).toThrow(problem);
  });
});

describe('the root of a path', () => {
  test.each([
    ['/data/x', '/data', 'x'],
    ['/data/out/x/y', '/data/out', 'x/y'],
    ['/data/out', '/data/out', ''],
    ['/data/output/x', '/data', 'output/x'],
    ['file:///data/out%20put/x', '/data/out put', 'x'],
    ['/data', '/data', ''],
  ])('of %s is %s', (url, root, relativePath) => {
    const found = findRoot(ROOTS, url);
    expect([found.root.path, found.relativePath]).toEqual([root, relativePath]);
  });

  test.each(['/etc/passwd', '/', '/database/x', '/dat', 'file:///'])(
    'of %s is none, which names those there are',
    (url) => {
      expect(() => findRoot(ROOTS, url)).toThrow(expect.objectContaining({ code: 'storage-denied' }));
      expect(() => findRoot(ROOTS, url)).toThrow('it has /data (read only), /data/out, /data/out put');
      expect(() => findRoot([], url)).toThrow('it has none');
    },
  );
});

import { describe, expect, test } from 'vitest';
import { isBelow, parseLocation } from './locations.ts';

describe('a place', () => {
  test.each([
    ['/data/a b/c', { scheme: 'file', authority: '', parts: ['data', 'a b', 'c'] }],
    ['/data//a/', { scheme: 'file', authority: '', parts: ['data', 'a'] }],
    ['/', { scheme: 'file', authority: '', parts: [] }],
    ['/data/a%2Fb', { scheme: 'file', authority: '', parts: ['data', 'a%2Fb'] }],
    ['/a?b#c@d', { scheme: 'file', authority: '', parts: ['a?b#c@d'] }],
    ['file:///data/a%20b', { scheme: 'file', authority: '', parts: ['data', 'a b'] }],
    ['FILE://LocalHost/data', { scheme: 'file', authority: '', parts: ['data'] }],
    ['https://Example.ORG:443/x/y?z=1', { scheme: 'https', authority: 'example.org', parts: ['x', 'y'] }],
    ['https://example.org', { scheme: 'https', authority: 'example.org', parts: [] }],
    ['http://example.org:8443/', { scheme: 'http', authority: 'example.org:8443', parts: [] }],
    ['http://example.org:443/', { scheme: 'http', authority: 'example.org:443', parts: [] }],
    ['ftp://h:21/a', { scheme: 'ftp', authority: 'h', parts: ['a'] }],
    ['sftp://h:22/a', { scheme: 'sftp', authority: 'h', parts: ['a'] }],
    ['http://h:80/a', { scheme: 'http', authority: 'h', parts: ['a'] }],
    ['s3://Bucket/key//twice/', { scheme: 's3', authority: 'bucket', parts: ['key', '', 'twice'] }],
    ['s3://bucket', { scheme: 's3', authority: 'bucket', parts: [] }],
    ['gs+x.y-z://b/*.txt', { scheme: 'gs+x.y-z', authority: 'b', parts: ['*.txt'] }],
  ])('%s', (text, expected) => {
    expect(parseLocation(text)).toEqual(expected);
  });

  test.each([
    ['nothing', ''],
    ['a relative path', 'data/x'],
    ['no slashes', 'https:example.org'],
    ['credentials', 'https://user:secret@example.org/x'],
    ['another host of a file', 'file://example.org/x'],
    ['a step up', '/data/../etc'],
    ['a step up in a URL', 'https://example.org/a/../b'],
    ['an encoded step up', 'https://example.org/a/%2e%2E/b'],
    ['a dot', '/data/./x'],
    ['an encoded slash', 's3://bucket/a%2Fb'],
    ['a backslash', 'https://example.org/a\\..\\b'],
    ['an encoded backslash', 'https://example.org/a%5cb'],
    ['a backslash for a host', 'https://example.org\\@evil.org/'],
    ['white space in a host', 'https://example.org evil.org/'],
    ['a NUL', '/data/x\0'],
    ['an encoded line break', 'https://example.org/a%0Ab'],
    ['an escape that is none', 'https://example.org/%zz'],
    ['a fragment', 'https://example.org/#/x'],
    ['a line before', '\nhttps://example.org/'],
    ['a scheme of a digit', '3s://b/'],
  ])('is not said by %s', (_what, text) => {
    expect(parseLocation(text)).toBeUndefined();
  });
});

test.each([
  ['/data/x', '/data', true],
  ['/data', '/data/', true],
  ['/data', '/data/x', false],
  ['/database', '/data', false],
  ['file:///data/x', '/data', true],
  ['https://h/a/b', 'https://h/a', true],
  ['https://h:443/a/b', 'https://H/a/', true],
  ['https://h/ab', 'https://h/a', false],
  ['http://h/a/b', 'https://h/a', false],
  ['https://h.evil.org/a', 'https://h', false],
  ['https://h:8443/a', 'https://h', false],
  ['s3://b/x', 's3://b', true],
  ['s3://b2/x', 's3://b', false],
  ['https://h/a%62/c', 'https://h/ab', true],
  ['https://h//a', 'https://h/a', false],
])('%s is below %s: %s', (text, folder, expected) => {
  const [place, above] = [parseLocation(text), parseLocation(folder)];
  if (place === undefined || above === undefined) throw new Error('no place');
  expect(isBelow(place, above)).toBe(expected);
});

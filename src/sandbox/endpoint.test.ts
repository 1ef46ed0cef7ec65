import { expect, test } from 'vitest';
import { ANYWHERE, formatEndpoint, intersection, isCovered, parseEndpoint } from './endpoint.ts';
import type { Endpoint } from './endpoint.ts';

test.each([
  ['example.org:443', { host: 'example.org', port: 443 }],
  ['FTP.Example.org:21', { host: 'ftp.example.org', port: 21 }],
  ['*.example.org:443', { host: '*.example.org', port: 443 }],
  ['localhost:1', { host: 'localhost', port: 1 }],
  ['192.0.2.1:65535', { host: '192.0.2.1', port: 65_535 }],
  ['[2001:DB8:0::1]:80', { host: '2001:db8::1', port: 80 }],
  ['*:443', { host: '*', port: 443 }],
  ['example.org:*', { host: 'example.org', port: '*' }],
  ['*:*', ANYWHERE],
  ['249.0.0.1:80', { host: '249.0.0.1', port: 80 }],
  ['xn--bcher-kva.example:443', { host: 'xn--bcher-kva.example', port: 443 }],
  ['_tcp.a-b.c1:9', { host: '_tcp.a-b.c1', port: 9 }],
  ['1a.example:80', { host: '1a.example', port: 80 }],
  [`${'a'.repeat(63)}.org:1`, { host: `${'a'.repeat(63)}.org`, port: 1 }],
])('%s is an endpoint', (text, expected) => {
  expect(parseEndpoint(text)).toEqual(expected);
});

test.each([
  ['nothing', ''],
  ['no port', 'example.org'],
  ['an empty port', 'example.org:'],
  ['port 0', 'example.org:0'],
  ['a port beyond', 'example.org:65536'],
  ['a port of six digits', 'example.org:100000'],
  ['a port with a leading zero', 'example.org:080'],
  ['no host', ':443'],
  ['a URL', 'https://example.org:443'],
  ['a path', 'example.org:443/x'],
  ['white space before', ' example.org:443'],
  ['white space behind', 'example.org:443 '],
  ['a line break behind', 'example.org:443\n'],
  ['a user', 'a@example.org:443'],
  ['letters that only look like it', 'exаmple.org:443'],
  ['an empty label', 'example..org:443'],
  ['a dot at the end', 'example.org.:443'],
  ['a hyphen at the start of a label', '-a.org:443'],
  ['a hyphen at the end of a label', 'a-.org:443'],
  ['a wildcard in the middle', 'a.*.org:443'],
  ['a wildcard in a label', 'a*.org:443'],
  ['two wildcards', '*.*.org:443'],
  ['a wildcard of numbers', '*.0.2.1:443'],
  ['an address as one number', '3221225985:80'],
  ['an address in hexadecimal', '0xc0000201:80'],
  ['an address with a zero in front', '192.0.2.01:80'],
  ['an address of five parts', '999.1.2.3.4:80'],
  ['an address with a part behind', '1.2.3.4.5:80'],
  ['an address of three parts', '192.0.513:80'],
  ['an address beyond', '192.0.2.256:80'],
  ['an address with a dot behind', '192.0.2.1.:80'],
  ['an IPv6 address without brackets', '2001:db8::1:80'],
  ['what isn’t an IPv6 address', '[::::]:80'],
  ['an IPv4 address in brackets', '[192.0.2.1]:80'],
  ['a label that is too long', `${'a'.repeat(64)}.org:1`],
  ['a name that is too long', `${'a.'.repeat(126)}org:1`],
])('%s is none', (_what, text) => {
  expect(parseEndpoint(text)).toBeUndefined();
});

function endpoint(text: string): Endpoint {
  const parsed = parseEndpoint(text);
  if (parsed === undefined) throw new Error(text);
  return parsed;
}

test.each(['example.org:443', '[2001:db8::1]:80', '*.example.org:*', '*:*'])(
  '%s is written as it was',
  (text) => {
    expect(formatEndpoint(endpoint(text))).toBe(text);
  },
);

test.each([
  ['a.org:443', 'a.org:443', true],
  ['a.org:443', 'a.org:80', false],
  ['a.org:443', 'b.org:443', false],
  ['a.org:443', 'a.org:*', true],
  ['a.org:*', 'a.org:443', false],
  ['a.org:443', '*:443', true],
  ['a.org:443', '*:*', true],
  ['*:443', 'a.org:443', false],
  ['a.org:443', '*.a.org:443', false],
  ['b.a.org:443', '*.a.org:443', true],
  ['c.b.a.org:443', '*.a.org:443', true],
  ['xa.org:443', '*.a.org:443', false],
  ['*.b.a.org:443', '*.a.org:443', true],
  ['*.a.org:443', '*.a.org:443', true],
  ['*.a.org:443', '*.b.a.org:443', false],
  ['*.a.org:443', 'a.org:443', false],
])('%s is covered by %s: %s', (one, other, expected) => {
  expect(isCovered(endpoint(one), endpoint(other))).toBe(expected);
});

test.each([
  ['a.org:443', 'a.org:443', 'a.org:443'],
  ['*:443', 'a.org:*', 'a.org:443'],
  ['a.org:*', '*:443', 'a.org:443'],
  ['*.a.org:443', 'b.a.org:*', 'b.a.org:443'],
  ['*.a.org:80', '*.b.a.org:*', '*.b.a.org:80'],
  ['*:*', '*:*', '*:*'],
])('what %s and %s both allow is %s', (one, other, both) => {
  expect(intersection(endpoint(one), endpoint(other))).toEqual(endpoint(both));
});

test.each([
  ['a.org:443', 'a.org:80'],
  ['a.org:443', 'b.org:443'],
  ['*.a.org:443', 'a.org:443'],
  ['*.a.org:443', '*.b.org:443'],
  ['*:443', 'a.org:80'],
])('%s and %s have nothing in common', (one, other) => {
  expect(intersection(endpoint(one), endpoint(other))).toBeUndefined();
  expect(intersection(endpoint(other), endpoint(one))).toBeUndefined();
});

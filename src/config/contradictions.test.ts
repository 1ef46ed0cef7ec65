import { describe, expect, test } from 'vitest';
import { isBulkheadError } from '../errors.ts';
import { loadConfig } from './load.ts';
import { isLoopback } from './loopback.ts';

/** The fields that are refused, for variables given without their prefix. */
function refusedFields(settings: Record<string, string>): string[] {
  const env = Object.fromEntries(
    Object.entries(settings).map(([name, value]) => [`BULKHEAD_${name}`, value]),
  );
  try {
    loadConfig({ env, cwd: '/nowhere' });
    return [];
  } catch (error) {
    if (isBulkheadError(error)) return error.fields.map((fault) => fault.field);
    throw error;
  }
}

describe('contradictions', () => {
  test.each(['0.0.0.0', '::', '192.168.1.5', 'bulkhead.example.org', '127.0.0.1.example.org'])(
    'listening on %s without authentication is refused, and with it is not',
    (host) => {
      expect(refusedFields({ SERVER__HOST: host })).toEqual(['/server/host']);
      expect(refusedFields({ SERVER__HOST: host, AUTH__MODE: 'basic' })).toEqual([]);
    },
  );

  test.each<[string, Record<string, string>, string]>([
    ['every origin without authentication', { SERVER__CORS__ORIGINS: '["*"]' }, '/server/cors/origins'],
    ['a users file that nobody is asked for', { AUTH__USERS_FILE: '/etc/users' }, '/auth/users_file'],
    [
      'exceptions where nothing is demanded',
      { POLICY__MAY_BE_UNENFORCED: '[id-range]' },
      '/policy/may_be_unenforced',
    ],
    ['operators where everybody is one', { AUTH__OPERATORS: '[ada]' }, '/auth/operators'],
    [
      'a root that holds the data folder',
      { STORAGE__FILE__ROOTS: '[{path: /nowhere}]' },
      '/storage/file/roots/0/path',
    ],
    [
      'a root inside the data folder',
      { DATA: '/d', STORAGE__FILE__ROOTS: '[{path: /d/x}]' },
      '/storage/file/roots/0/path',
    ],
    [
      'a root listed twice',
      { STORAGE__FILE__ROOTS: '[{path: /a}, {path: /a/}]' },
      '/storage/file/roots/1/path',
    ],
    ['a default above its ceiling', { POLICY__CEILINGS__RAM_GB: '1' }, '/policy/defaults/ram_gb'],
    ['more text kept than stored', { LIMITS__STDIO_BYTES: '4KiB' }, '/limits/stdio_text'],
    ['content larger than a body', { SERVER__BODY_LIMIT: '512KiB' }, '/limits/content_bytes'],
    [
      'a registry listed twice',
      { IMAGES__REGISTRIES: '[{prefix: a}, {prefix: a}]' },
      '/images/registries/1/prefix',
    ],
    [
      'certificates for plain HTTP',
      { IMAGES__REGISTRIES: '[{prefix: a, plain_http: true, ca_file: /c}]' },
      '/images/registries/0/ca_file',
    ],
    [
      'a range that is none',
      { STORAGE__HTTP__ALLOW_PRIVATE: '["10.0.0.0/33"]' },
      '/storage/http/allow_private/0',
    ],
    [
      'a host without port',
      { STORAGE__HTTP__ALLOW_PRIVATE: '["example.org"]' },
      '/storage/http/allow_private/0',
    ],
  ])('%s', (_, settings, field) => {
    expect(refusedFields(settings)).toEqual([field]);
  });

  test('a neighbour of the data folder is no contradiction', () => {
    expect(refusedFields({ DATA: '/d', STORAGE__FILE__ROOTS: '[{path: /data}]' })).toEqual([]);
  });

  test('addresses, ranges and hosts with their port may be reached', () => {
    const list = '["127.0.0.1:8000", "[::1]:80", "10.0.0.0/8", "fd00::/8", "192.168.1.1", "files.lan:443"]';
    expect(refusedFields({ STORAGE__HTTP__ALLOW_PRIVATE: list })).toEqual([]);
  });

  test('a key that is wrong in itself is not blamed for a contradiction too', () => {
    expect(refusedFields({ SERVER__HOST: '0.0.0.0', AUTH__MODE: 'basik' })).toEqual(['/auth/mode']);
  });
});

test.each([
  ['127.0.0.1', true],
  ['127.8.9.1', true],
  ['::1', true],
  ['[::1]', true],
  ['localhost', true],
  ['0.0.0.0', false],
  ['::', false],
  ['localhost.example.org', false],
])('%s is loopback: %s', (host, expected) => {
  expect(isLoopback(host)).toBe(expected);
});

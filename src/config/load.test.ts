import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { BulkheadError } from '../errors.ts';
import { loadConfig } from './load.ts';
import type { ConfigOrigins } from './load.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'config-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

function fileWith(yaml: string): string {
  const file = join(folder, 'bulkhead.yaml');
  writeFileSync(file, yaml);
  return file;
}

/** The error of a configuration that must not be accepted. */
function refused(origins: Omit<ConfigOrigins, 'env'> & { env?: ConfigOrigins['env'] }): BulkheadError {
  try {
    loadConfig({ cwd: folder, env: {}, ...origins });
  } catch (error) {
    if (error instanceof BulkheadError) return error;
    throw error;
  }
  throw new Error('the configuration was accepted');
}

describe('without a file', () => {
  test('everything has a default, and lies below ./bulkhead-data', () => {
    const config = loadConfig({ env: {}, cwd: folder });
    expect(config.server).toMatchObject({ host: '127.0.0.1', port: 8710, body_limit: 8 * 2 ** 20 });
    expect(config.data).toBe(join(folder, 'bulkhead-data'));
    expect(config.auth.users_file).toBe(join(folder, 'bulkhead-data/auth/users.json'));
    expect(config.images.layouts).toEqual([join(folder, 'images')]);
    expect(config.limits).toMatchObject({
      stdio_bytes: 64 * 2 ** 20,
      stdio_text: 65_536,
      retention: 30 * 86_400_000,
    });
    expect(config.policy.defaults.queue_timeout).toBeNull();
    expect(config.policy.ceilings).toEqual({});
    expect(config.images).toMatchObject({ registries: [], only_listed_registries: false });
  });

  test('the result is frozen to its depth', () => {
    const config = loadConfig({ env: {}, cwd: folder });
    expect(Object.isFrozen(config.server.service_info.organization)).toBe(true);
    expect(Object.isFrozen(config.images.layouts)).toBe(true);
  });

  test('what lies below data follows it', () => {
    expect(loadConfig({ env: { BULKHEAD_DATA: '/srv/b' }, cwd: folder }).backend.work).toBe('/srv/b/work');
  });
});

describe('precedence', () => {
  test('flags stand over environment, environment over file, file over defaults', () => {
    const file = fileWith('server: { port: 1, host: 127.0.0.2 }\nlog: { level: warn }\n');
    const config = loadConfig({
      file,
      cwd: folder,
      env: { BULKHEAD_SERVER__PORT: '2', BULKHEAD_SERVER__HOST: '127.0.0.3' },
      flags: { 'server.port': '3' },
    });
    expect(config.server).toMatchObject({ port: 3, host: '127.0.0.3' });
    expect(config.log.level).toBe('warn');
  });

  test('BULKHEAD_CONFIG names the file, unless --config does', () => {
    const file = fileWith('log: { level: warn }');
    expect(loadConfig({ env: { BULKHEAD_CONFIG: file }, cwd: '/' }).log.level).toBe('warn');
    const other = join(folder, 'other.yaml');
    writeFileSync(other, 'log: { level: error }');
    expect(loadConfig({ file: other, env: { BULKHEAD_CONFIG: file }, cwd: '/' }).log.level).toBe('error');
  });

  test('a list replaces a list, and a variable for a key inside a group stands over one for the group', () => {
    const file = fileWith('images: { layouts: [/a, /b] }');
    const config = loadConfig({
      file,
      env: { BULKHEAD_IMAGES: '{ layouts: [/c], max_size: 1GiB }', BULKHEAD_IMAGES__MAX_SIZE: '2GiB' },
    });
    expect(config.images.layouts).toEqual(['/c']);
    expect(config.images.max_size).toBe(2 * 2 ** 30);
  });
});

describe('values', () => {
  test('relative paths start at the file in the file, and at the working directory elsewhere', () => {
    mkdirSync(join(folder, 'etc'));
    const file = join(folder, 'etc', 'b.yaml');
    writeFileSync(file, 'data: ../var\nstorage: { file: { roots: [{ path: ./data }] } }');
    const config = loadConfig({ file, cwd: folder, env: { BULKHEAD_IMAGES__LAYOUTS: '[layouts]' } });
    expect(config.data).toBe(join(folder, 'var'));
    expect(config.storage.file.roots).toEqual([{ path: join(folder, 'etc/data'), write: false }]);
    expect(config.images.layouts).toEqual([join(folder, 'layouts')]);
  });

  test('text stays text in a variable, and lists and groups are YAML or JSON', () => {
    const config = loadConfig({
      cwd: folder,
      env: {
        BULKHEAD_SERVER__SERVICE_INFO__NAME: '1e3',
        BULKHEAD_STORAGE__FILE__ROOTS: '[{"path":"/data","write":true,"owner":"1000:1000"}]',
        BULKHEAD_BACKEND__SLOTS: '4',
        BULKHEAD_BACKEND__RUNTIME: './runc',
        BULKHEAD_LIMITS__RETENTION: 'none',
        BULKHEAD_STORAGE__HTTP__MAX_BYTES: '1024',
      },
    });
    expect(config.server.service_info.name).toBe('1e3');
    expect(config.storage.file.roots).toEqual([{ path: '/data', write: true, owner: '1000:1000' }]);
    expect(config.backend).toMatchObject({ slots: 4, runtime: join(folder, 'runc') });
    expect(config.limits.retention).toBeNull();
    expect(config.storage.http.max_bytes).toBe(1024);
  });

  test('a group whose keys are all commented out, and an empty variable, count as left out', () => {
    const config = loadConfig({
      file: fileWith('server:\n  # port: 1\n'),
      env: { BULKHEAD_SERVER__HOST: '' },
    });
    expect(config.server).toMatchObject({ port: 8710, host: '127.0.0.1' });
  });

  test("Kubernetes' service links and the client's variables are not keys", () => {
    const env = {
      BULKHEAD_SERVICE_HOST: '10.0.0.1',
      BULKHEAD_SERVICE_PORT_HTTP: '8710',
      BULKHEAD_PORT: 'tcp://10.0.0.1:8710',
      BULKHEAD_PORT_8710_TCP_ADDR: '10.0.0.1',
      BULKHEAD_TOKEN: 'x',
      BULKHEAD_SERVER_URL: 'http://x',
    };
    expect(loadConfig({ env, cwd: folder }).server.port).toBe(8710);
  });
});

describe('what is wrong is refused', () => {
  test('all at once, each with its path and where it was written', () => {
    const file = fileWith('server:\n  prot: 1\n  port: "x"\nlimits: { retention: 30 }\nservr: {}\n');
    const error = refused({
      file,
      env: { BULKHEAD_SERVER__HOSTT: 'x', BULKHEAD_LOG__LEVEL: 'loud' },
      flags: { 'log.formt': 'x' },
    });
    expect(error.code).toBe('config');
    expect(error.fields.map((fault) => fault.field).sort()).toEqual([
      '/limits/retention',
      '/log/formt',
      '/log/level',
      '/server/hostt',
      '/server/port',
      '/server/prot',
      '/servr',
    ]);
    expect(error.message).toContain(`server.prot (${file}:2): is not a known key: did you mean server.port?`);
    expect(error.message).toContain(`server.port (${file}:3): "x" is not a whole number from 0 to 65535`);
    expect(error.message).toContain('a duration with its unit');
    expect(error.message).toContain('did you mean BULKHEAD_SERVER__HOST?');
    expect(error.message).toContain('log.level (BULKHEAD_LOG__LEVEL): "loud" is not one of trace, debug');
    expect(error.message).toContain('did you mean log.format?');
    expect(error.message).toContain('did you mean server?');
  });

  test.each([
    ['a list where a group is meant', 'server: []', '/server'],
    ['a group where a list is meant', 'images: { layouts: {} }', '/images/layouts'],
    [
      'a number where text is meant',
      'server: { service_info: { version: 1.0 } }',
      '/server/service_info/version',
    ],
    ['a word where a number is meant', 'backend: { slots: many }', '/backend/slots'],
    ['a port out of range', 'server: { port: 65536 }', '/server/port'],
    ['a size below its limit', 'limits: { content_bytes: 1KiB }', '/limits/content_bytes'],
    ['a negative size', 'limits: { stdio_text: -1 }', '/limits/stdio_text'],
    [
      'a list item without its path',
      'storage: { file: { roots: [{ write: true }] } }',
      '/storage/file/roots/0/path',
    ],
    ['an empty list item', 'images: { layouts: [null] }', '/images/layouts/0'],
    [
      'an unknown key in a list item',
      'images: { registries: [{ prefix: a, http: true }] }',
      '/images/registries/0/http',
    ],
    ['a runtime that is neither word nor path', 'backend: { runtime: youki }', '/backend/runtime'],
    ['a key of objects', 'server: { toString: 1 }', '/server/toString'],
    ['a prototype', 'server: { __proto__: { port: 1 } }', '/server/__proto__'],
    ['a whole document of another kind', '- server', ''],
  ])('%s', (_, yaml, field) => {
    const error = refused({ file: fileWith(yaml) });
    expect(error.code).toBe('config');
    expect(error.fields.map((fault) => fault.field)).toContain(field);
  });

  test.each([
    ['broken YAML', 'server: { port: ', ':1:'],
    ['a key that is there twice', 'log: {}\nlog: {}\n', ':2:'],
  ])('%s, with its line', (_, yaml, place) => {
    expect(refused({ file: fileWith(yaml) }).message).toContain(`bulkhead.yaml${place}`);
  });

  test('a file that is missing, by name', () => {
    expect(refused({ file: 'missing.yaml' }).message).toContain(join(folder, 'missing.yaml'));
  });

  test('a variable that is not YAML, by name', () => {
    expect(refused({ env: { BULKHEAD_IMAGES__LAYOUTS: '[a' } }).message).toContain(
      'BULKHEAD_IMAGES__LAYOUTS',
    );
  });
});

function freeDisk(starts: string): unknown {
  return loadConfig({ env: { BULKHEAD_LIMITS__FREE_DISK__STARTS: starts } }).limits.free_disk.starts;
}

test('free disk space is a size, a percentage or none', () => {
  expect(freeDisk('2GiB')).toBe(2 * 2 ** 30);
  expect(freeDisk('2.5%')).toEqual({ percent: 2.5 });
  expect(freeDisk('none')).toBeNull();
  expect(() => freeDisk('101%')).toThrow(/a percentage/);
});

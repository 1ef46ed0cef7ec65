import { expect, test } from 'vitest';
import { serverOf } from './server-address.ts';

test.each([
  [undefined, 'http://127.0.0.1:8710'],
  ['localhost:9000', 'http://localhost:9000'],
  ['https://tes.example.org/', 'https://tes.example.org'],
  ['https://tes.example.org/ga4gh/tes/v1/', 'https://tes.example.org'],
  ['https://tes.example.org/v1', 'https://tes.example.org'],
  ['https://example.org/bulkhead/ga4gh/tes/v1', 'https://example.org/bulkhead'],
  ['http://[::1]:8710', 'http://[::1]:8710'],
])('--server %s is the server at %s', (written, base) => {
  expect(serverOf(written, {}).base).toBe(base);
});

test.each([
  ['http://10.0.0.1', { BULKHEAD_TOKEN: 't' }, true],
  ['http://127.0.0.1', { BULKHEAD_TOKEN: 't' }, false],
  ['https://10.0.0.1', { BULKHEAD_TOKEN: 't' }, false],
  ['http://10.0.0.1', {}, false],
])('credentials for %s with %j are exposed: %s', (written, env, isExposed) => {
  expect(serverOf(written, env).isExposed).toBe(isExposed);
});

test('a token stands over a password', () => {
  const env = { BULKHEAD_TOKEN: 't\n', BULKHEAD_USER: 'ada', BULKHEAD_PASSWORD: 'x' };
  expect(serverOf(undefined, env).authorization).toBe('Bearer t');
});

import { expect, test } from 'vitest';
import { RUNTIME_PATH } from '../../test/fixtures/runtime.ts';
import { findHost } from './host.ts';

test('a runtime is what it calls itself, whatever was asked for by path', async () => {
  const { runtime } = await findHost(RUNTIME_PATH);
  expect(runtime).toMatchObject({
    name: 'runc',
    path: RUNTIME_PATH,
    version: expect.stringMatching(/^runc \d/),
  });
  const { runtime: other } = await findHost('crun');
  expect(other).toMatchObject({ name: 'crun', version: expect.stringMatching(/^crun \d/) });
});

test.each([
  ['/bin/echo', /only runc and crun can be driven/],
  ['/nonexistent/runc', /backend\.runtime: \/nonexistent\/runc can't be run/],
])('%s is refused as a runtime', async (path, message) => {
  await expect(findHost(path)).rejects.toMatchObject({
    code: 'host',
    message: expect.stringMatching(message),
  });
});

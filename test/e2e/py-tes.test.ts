import { execFile } from 'node:child_process';
import { access, mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startServer, type TestServer } from '../fixtures/server.ts';

const run = promisify(execFile);
const PY_TES = 'py-tes==1.1.4';
const CACHE = join(import.meta.dirname, '../../.tools/cache');
let server: TestServer;

beforeAll(async () => {
  server = await startServer();
});
afterAll(async () => {
  await server.stop();
});

it('py-tes itself creates, waits, reads every view, lists, cancels, and finds nothing that is not TES', async ({
  skip,
}) => {
  const packages = await installed().catch((error: unknown) =>
    skip(`${PY_TES} can't be installed here: ${error instanceof Error ? error.message.split('\n')[0] : ''}`),
  );
  const { stdout } = await run(
    'python3',
    [join(import.meta.dirname, 'py-tes.py'), server.address, server.files],
    {
      env: { ...process.env, PYTHONPATH: packages },
    },
  );
  expect(JSON.parse(stdout)).toEqual({
    service: 'tes',
    storage: [`file://${server.files}`],
    ended: 'COMPLETE',
    minimal: { id: expect.any(String), state: 'COMPLETE' },
    contents: [null, 'hello\n'],
    exitCodes: [0, 7],
    streams: ['told\n', 'more\n'],
    outputs: [36],
    tags: { by: 'py-tes', empty: '' },
    canceled: 'CANCELED',
    listed: true,
  });
  expect(await readFile(join(server.files, 'sum'), 'utf8')).toBe('b1946ac92492d2347c6235b4d2611184  -\n');
});

/** A folder with py-tes and what it needs, by pip from PyPI; kept below `.tools/cache/`. */
async function installed(): Promise<string> {
  const { stdout: version } = await run('python3', [
    '-c',
    'import sys; print("%d.%d" % sys.version_info[:2])',
  ]);
  const folder = join(CACHE, `${PY_TES.replace('==', '-')}-python${version.trim()}`);
  if (await isThere(folder)) return folder;
  await mkdir(CACHE, { recursive: true });
  const temporary = await mkdtemp(join(CACHE, 'py-tes-new-'));
  try {
    const flags = [
      '--quiet',
      '--disable-pip-version-check',
      '--no-input',
      '--retries',
      '1',
      '--timeout',
      '10',
    ];
    await run('python3', ['-m', 'pip', 'install', ...flags, '--target', temporary, PY_TES]);
    await rename(temporary, folder).catch(async (error: unknown) => {
      if (!(await isThere(folder))) throw error;
    });
    return folder;
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

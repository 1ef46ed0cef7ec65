/** Inputs of this host on a real server: the task's own to move and edit, their source untouched. */
import { createHash } from 'node:crypto';
import { chmod, chown, mkdir, readFile, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { TesTask, TesTaskDocument } from '../../src/tes/task.ts';
import { tracesOfServer } from '../e2e/traces.ts';
import { startServer, type TestServer } from '../fixtures/server.ts';
import { sh, told } from './tasks.ts';

const SECRET = 'a secret of this host\n';

let server: TestServer;
/** Of this host, outside of what tasks may have. */
let secret: string;
let folder: string;
let serial = 0;

beforeAll(async () => {
  server = await startServer({
    policy: { defaults: { cpu_cores: 0.25, ram_gb: 0.0625, disk_gb: 0.0625 } },
  });
  secret = join(server.folder, 'secret');
  await writeFile(secret, SECRET);
  await chmod(secret, 0o666);
});
afterAll(async () => {
  await server.stop();
  expect(await tracesOfServer(server)).toEqual([]);
});
beforeEach(async () => {
  serial += 1;
  folder = join(server.files, String(serial));
  await mkdir(folder);
});

describe('an input of this host is the task’s own', () => {
  /** More than the disk of a task holds: so there is no copy of it. */
  const LARGE = 80 * 2 ** 20;
  const EDITS: readonly [what: string, script: string, expected: string][] = [
    ['moved', 'mv /in/data /in/other && head -c 5 /in/other', 'first'],
    ['appended to', 'echo more >> /in/data; tail -c 5 /in/data', 'more\n'],
    ['edited by sed -i', 'sed -i s/first/other/ /in/data; head -c 5 /in/data', 'other'],
    ['overwritten', 'echo x > /in/data; cat /in/data', 'x\n'],
    ['removed', 'rm /in/data; ls /in', ''],
    [
      'given other permissions',
      'chmod 777 /in/data && touch -d 2001-01-01 /in/data; stat -c %a /in/data',
      '777\n',
    ],
    ['linked', 'ln /in/data /in/link && echo y > /in/link; cat /in/data', 'y\n'],
  ];

  for (const [size, bytes] of [
    ['small', 1000],
    ['large', 2 ** 20 + 1],
  ] as const) {
    test.each(EDITS)(`${size}, %s: the source stays as it was`, async (_what, script, expected) => {
      const source = await input('source', bytes, 0o640, 1234);
      const before = await portrait(source);
      const task = await run({
        executors: [sh(['sh', '-c', script])],
        inputs: [{ path: '/in/data', url: source }],
      });
      expect(task.logs?.[0]?.logs[0]).toMatchObject({ stdout: expected, stderr: '' });
      expect(await portrait(source)).toEqual(before);
    });
  }

  test('larger than the task’s disk it can still be read, moved and removed', async () => {
    const source = await input('source', LARGE, 0o640, 1234);
    const before = await portrait(source);
    const script =
      'wc -c < /in/data && mv /in/data /in/moved && sha256sum < /in/moved && rm /in/moved && ls /in';
    const task = await run({
      executors: [sh(['sh', '-c', script])],
      inputs: [{ path: '/in/data', url: source }],
    });
    expect(task.logs?.[0]?.logs[0]?.stdout).toBe(`${LARGE}\n${before.sha256}  -\n`);
    expect(await portrait(source)).toEqual(before);
  });

  test('a link that leads out of the folder that tasks may read is refused', async () => {
    await symlink(secret, join(folder, 'link'));
    const task = await run({
      executors: [sh(['cat', '/in/data'])],
      inputs: [{ path: '/in/data', url: join(folder, 'link') }],
    });
    expect(task.state).toBe('SYSTEM_ERROR');
    expect(told(task)).toContain('/in/data');
    expect(JSON.stringify(task)).not.toContain('a secret of');
  });
});

async function run(document: TesTaskDocument): Promise<TesTask> {
  return server.run(document);
}

async function input(name: string, bytes: number, mode: number, uid: number): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, `first${'.'.repeat(bytes - 6)}\n`);
  await chmod(path, mode);
  await chown(path, uid, uid);
  await utimes(path, 1_000_000_000, 1_000_000_000);
  return path;
}

async function portrait(path: string): Promise<Record<string, number | string>> {
  const { ino, size, mode, uid, gid, mtimeMs, nlink } = await stat(path);
  const sha256 = createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
  return { ino, size, mode, uid, gid, mtimeMs, nlink, sha256 };
}

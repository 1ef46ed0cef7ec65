/** Inputs of this host on a real server: the task's own to move and edit, their source untouched. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  chmod,
  chown,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { TesTask, TesTaskDocument } from '../../src/tes/task.ts';
import { tracesOfServer } from '../e2e/traces.ts';
import { startServer, type TestServer } from '../fixtures/server.ts';
import { until } from '../poll.ts';
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

describe('a folder of this host is the task’s own', () => {
  /** More than the disk of a task holds: so there is no copy of it. */
  const LARGE = 80 * 2 ** 20;
  const EDITS: readonly [what: string, script: string, expected: string][] = [
    ['moved', 'cd /in/data && mv deep other && mv large other/l && head -c 5 other/l', 'first'],
    ['appended to', 'echo more >> /in/data/deep/small; tail -c 5 /in/data/deep/small', 'more\n'],
    ['edited by sed -i', 'sed -i s/first/other/ /in/data/deep/small; head -c 5 /in/data/deep/small', 'other'],
    ['written into', 'echo new > /in/data/deep/new; cat /in/data/deep/new', 'new\n'],
    ['removed', 'rm -r /in/data/*; ls /in/data', ''],
    ['given other permissions', 'chmod -R 777 /in/data; stat -c %a /in/data/deep/small', '777\n'],
    ['given other names', 'ln /in/data/large /in/data/link; rm /in/data/large; wc -c < /in/data/link', ''],
  ];

  async function folderInput(): Promise<string> {
    const data = join(folder, 'data');
    await mkdir(join(data, 'deep', 'empty'), { recursive: true });
    await input('data/large', LARGE, 0o640, 1234);
    await input('data/deep/small', 1000, 0o600, 1234);
    await input('data/deep/program', 100, 0o555, 1234);
    await writeFile(join(data, 'none'), '');
    await chmod(join(data, 'none'), 0o644);
    await chmod(join(data, 'deep'), 0o550);
    for (const path of ['deep/empty', 'deep', 'none', '.']) await chown(join(data, path), 1234, 1234);
    return data;
  }

  test.each(EDITS)('%s: the source stays as it was', async (_what, script, expected) => {
    const source = await folderInput();
    const before = await portraits(source);
    const task = await run({
      executors: [sh(['sh', '-c', script])],
      inputs: [{ path: '/in/data', url: source, type: 'DIRECTORY' }],
    });
    expect(task).toMatchObject({ state: 'COMPLETE', logs: [{ logs: [{ stderr: '' }] }] });
    if (expected !== '') expect(task.logs?.[0]?.logs[0]?.stdout).toBe(expected);
    expect(await portraits(source)).toEqual(before);
  });

  test('with the names, sizes, times and bits of its source, whoever runs', async () => {
    const source = await folderInput();
    await input(`data/${'n'.repeat(255)}`, 10, 0o644, 1234);
    const script =
      'cd /in/data; stat -c "%n %s %Y %a %U" large none deep/small deep/program deep/empty deep; cat n* none | head -c 5; sha256sum < large';
    for (const image of ['busybox:latest', 'busybox:user']) {
      const task = await run({
        executors: [{ image, command: ['sh', '-c', script] }],
        inputs: [{ path: '/in/data', url: `${source}/`, type: 'DIRECTORY' }],
      });
      const user = image.endsWith('user') ? 'user' : 'root';
      const { sha256 } = await portrait(join(source, 'large'));
      const [large, none, small, program, empty, deep, content] = (
        task.logs?.[0]?.logs[0]?.stdout ?? ''
      ).split('\n');
      expect({ large, small, program, content }).toEqual({
        large: `large ${LARGE} 1000000000 640 ${user}`,
        small: `deep/small 1000 1000000000 600 ${user}`,
        program: `deep/program 100 1000000000 755 ${user}`,
        content: `first${String(sha256)}  -`,
      });
      expect(none).toMatch(new RegExp(`^none 0 \\d+ 644 ${user}$`));
      expect(empty).toMatch(new RegExp(`^deep/empty \\d+ \\d+ 755 ${user}$`));
      expect(deep).toMatch(new RegExp(`^deep \\d+ \\d+ 750 ${user}$`));
    }
  });

  test('a second executor, who is another user, may write in it', async () => {
    const source = await folderInput();
    const before = await portraits(source);
    const task = await run({
      executors: [
        sh(['sh', '-c', 'echo 1 > /in/data/one']),
        {
          image: 'busybox:user',
          command: ['sh', '-c', 'cd /in/data && rm one && echo x > large && rm -r deep'],
        },
      ],
      inputs: [{ path: '/in/data', url: source, type: 'DIRECTORY' }],
    });
    expect(task.state).toBe('COMPLETE');
    expect(await portraits(source)).toEqual(before);
  });

  test.each(['large', 'small'])(
    'what can’t be taken of one that is %s is told with its number and first names; nothing of this host is reached by it',
    async (size) => {
      const source = await folderInput();
      if (size === 'small') await rm(join(source, 'large'));
      await symlink(secret, join(source, 'absolute'));
      await symlink('../../../secret', join(source, 'relative'));
      await symlink('deep/small', join(source, 'within'));
      await symlink('..', join(source, 'deep', 'around'));
      for (const at of [1, 2, 3, 4]) execFileSync('mkfifo', [join(source, 'deep', `fifo-${at}`)]);
      await using socket = await listening(join(source, 'socket'));
      execFileSync('mknod', [join(source, 'zero'), 'c', '1', '5']);
      const task = await run({
        executors: [sh(['sh', '-c', 'cd /in/data; find . | sort; cat within | head -c 5'])],
        inputs: [{ path: '/in/data', url: source, type: 'DIRECTORY' }],
      });
      expect(socket.path).toBe(join(source, 'socket'));
      const names = ['.', './deep', './deep/empty', './deep/program', './deep/small'];
      expect(task.logs?.[0]?.logs[0]?.stdout).toBe(
        [...names, ...(size === 'large' ? ['./large'] : []), './none', './within', 'first'].join('\n'),
      );
      expect(told(task)).toBe(
        `input /in/data: 9 entries were left out: ${source}/absolute: is a symbolic link that leads to nothing in this tree; ` +
          `${source}/deep/around: leads back to a folder that it is in; ` +
          [1, 2, 3].map((at) => `${source}/deep/fifo-${at}: is a FIFO; `).join('') +
          'and 4 more',
      );
      expect(JSON.stringify(task)).not.toContain('a secret of');
    },
  );

  test('one whose folder becomes a link out of there while the task runs shows nothing of this host', async () => {
    const source = await folderInput();
    const outside = join(server.folder, 'outside');
    await mkdir(outside);
    await writeFile(join(outside, 'small'), SECRET);
    const mark = await input('mark', 2 ** 20, 0o644, 0);
    const script = 'until [ "$(head -c 2 /in/mark)" = go ]; do sleep 0.1; done; cat /in/data/deep/small';
    const id = await server.create({
      executors: [sh(['sh', '-c', script])],
      inputs: [
        { path: '/in/data', url: source, type: 'DIRECTORY' },
        { path: '/in/mark', url: mark },
      ],
    });
    await until(async () => (await server.get(id)).state === 'RUNNING', { what: 'the task to run' });
    await rename(join(source, 'deep'), join(source, 'away'));
    await symlink(outside, join(source, 'deep'));
    // What changes in a source is seen by a task that has no copy: so it knows.
    await using file = await open(mark, 'r+');
    await file.write('go', 0);
    const task = await server.ended(id);
    expect(task.state).toBe('EXECUTOR_ERROR');
    expect(task.logs?.[0]?.logs[0]).toMatchObject({ stdout: '', stderr: expect.stringContaining('small') });
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

/** Of all that is in a folder. */
async function portraits(path: string): Promise<Record<string, unknown>> {
  const names = await readdir(path, { recursive: true });
  const found = await Promise.all(
    names.toSorted().map(async (name): Promise<[string, unknown]> => {
      const at = join(path, name);
      const { mode, uid, mtimeMs } = await stat(at);
      return [name, (await stat(at)).isFile() ? await portrait(at) : { mode, uid, mtimeMs }];
    }),
  );
  return Object.fromEntries(found);
}

async function listening(path: string): Promise<AsyncDisposable & { readonly path: string }> {
  const socket = createServer();
  socket.listen(path);
  await once(socket, 'listening');
  return { path, [Symbol.asyncDispose]: async () => void socket.close() };
}

async function portrait(path: string): Promise<Record<string, number | string>> {
  const { ino, size, mode, uid, gid, mtimeMs, nlink } = await stat(path);
  const sha256 = createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
  return { ino, size, mode, uid, gid, mtimeMs, nlink, sha256 };
}

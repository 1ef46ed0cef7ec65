/** Bad input and hostile tasks on a real server: each with a clear error, and nothing of this host lost or told. */
import { createHash } from 'node:crypto';
import { globSync } from 'node:fs';
import { chmod, chown, mkdir, readdir, readFile, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { TesExecutor, TesOutput, TesTask, TesTaskDocument } from '../../src/tes/task.ts';
import { runFolders } from '../../src/warden/run-folders.ts';
import { processesWith, tracesOfServer } from '../e2e/traces.ts';
import { startServer, type TestServer } from '../fixtures/server.ts';
import { busyboxLayout } from '../fixtures/images.ts';
import { temporaryFolder, type TemporaryFolder } from '../fixtures/provider.ts';
import { until } from '../poll.ts';
import { writeBoxLayout } from './images.ts';

const SECRET = 'a secret of this host\n';

let server: TestServer;
let boxes: TemporaryFolder;
/** Of this host, outside of what tasks may have. */
let secret: string;
let folder: string;
let serial = 0;

beforeAll(async () => {
  boxes = await temporaryFolder();
  await writeBoxLayout(boxes.path);
  server = await startServer({
    images: { layouts: [await busyboxLayout(), boxes.path] },
    policy: { defaults: { cpu_cores: 0.25, ram_gb: 0.0625, disk_gb: 0.0625 } },
  });
  secret = join(server.folder, 'secret');
  await writeFile(secret, SECRET);
  await chmod(secret, 0o666);
});
afterAll(async () => {
  await server.stop();
  expect(await tracesOfServer(server)).toEqual([]);
  await boxes[Symbol.asyncDispose]();
});
beforeEach(async () => {
  serial += 1;
  folder = join(server.files, String(serial));
  await mkdir(folder);
});

describe('exit codes', () => {
  const ENDS: readonly [command: string[], exitCode: number, said: RegExp][] = [
    [['no-such-program'], 127, /command "no-such-program" was not found/],
    [['/etc/passwd'], 126, /command "\/etc\/passwd" can't be executed: Permission denied/],
    [['/tmp'], 126, /command "\/tmp" can't be executed/],
    [['sh', '-c', 'kill -KILL $$'], 137, /^$/],
    [['sh', '-c', 'kill -TERM $$'], 143, /^$/],
    [['sh', '-c', 'kill -ABRT $$'], 134, /^$/],
    [['sh', '-c', 'exit 255'], 255, /^$/],
  ];

  test.concurrent.each(ENDS)('%j ends with %i and the task with it', async (command, exitCode, said) => {
    const task = await run({ executors: [sh(command), sh(['true'])] });
    expect({ state: task.state, exits: exits(task) }).toEqual({ state: 'EXECUTOR_ERROR', exits: [exitCode] });
    expect(told(task)).toMatch(said);
  });

  test('each is subject to ignore_error, and keeps its code', async () => {
    const executors = ENDS.map(([command]) => ({ ...sh(command), ignore_error: true }));
    const task = await run({ executors: [...executors, sh(['true'])] });
    expect({ state: task.state, exits: exits(task) }).toEqual({
      state: 'COMPLETE',
      exits: [...ENDS.map(([, exitCode]) => exitCode), 0],
    });
  });
});

describe('streams', () => {
  test.concurrent.each(['/in/missing', '/in/folder', '/in/link', '/in/fifo', '/elsewhere/missing'])(
    'stdin %s, which is no file, ends the task with its name',
    async (stdin) => {
      const make = sh(['sh', '-c', `mkdir /in/folder; ln -s ${secret} /in/link; mkfifo /in/fifo`]);
      const task = await run({ executors: [make, { ...sh(['cat']), stdin }], volumes: ['/in'] });
      expect(task.state).toBe('SYSTEM_ERROR');
      expect(told(task)).toContain(`opening ${stdin} for stdin`);
      expect(JSON.stringify(task)).not.toContain('a secret of');
    },
  );

  test.concurrent.each(['stdout', 'stderr'] as const)(
    '%s to what is no file ends the task with its name',
    async (stream) => {
      for (const path of ['/out/folder', '/out/fifo']) {
        const make = sh(['sh', '-c', 'mkdir /out/folder; mkfifo /out/fifo']);
        const task = await run({
          executors: [make, { ...sh(['echo', 'words']), [stream]: path }],
          volumes: ['/out'],
        });
        expect(task.state).toBe('SYSTEM_ERROR');
        expect(told(task)).toContain(`opening ${path} for ${stream}`);
      }
    },
  );

  test('stdout through a link leads nowhere on this host', async () => {
    const make = sh(['sh', '-c', `ln -s ${secret} /out/link`]);
    const task = await run({
      executors: [make, { ...sh(['echo', 'overwritten']), stdout: '/out/link' }],
      volumes: ['/out'],
    });
    expect(await readFile(secret, 'utf8')).toBe(SECRET);
    expect(task.state).toBe('SYSTEM_ERROR');
    expect(told(task)).toContain('opening /out/link for stdout');
  });
});

describe('outputs', () => {
  const TRAPS: readonly [what: string, make: () => string][] = [
    ['a link to a file of this host', () => `ln -s ${secret} /out/trap`],
    ['a link to it by a relative path', () => `ln -s ../../../../../../..${secret} /out/trap`],
    ['a link to /etc/shadow', () => 'ln -s /etc/shadow /out/trap'],
    ['a link to the root of a process', () => 'ln -s /proc/1/root/etc/shadow /out/trap'],
    ['a FIFO', () => 'mkfifo /out/trap'],
    ['a link to a device', () => 'ln -s /dev/zero /out/trap'],
    ['a socket', () => 'perl -e \'socket(my $s, 1, 1, 0); bind($s, pack("S", 1) . "/out/trap") or die\''],
    ['a link to itself', () => 'ln -s trap /out/trap'],
  ];

  for (const [what, make] of TRAPS) {
    test(`${what} is not delivered`, async () => {
      const trap = await run({
        executors: [box(['sh', '-c', `${make()}; echo honest > /out/honest`])],
        outputs: [
          wanted('honest', '/out/honest'),
          wanted('trap', '/out/trap'),
          wanted('all', '/out', { type: 'DIRECTORY' }),
          wanted('matching/', '/out/*', { path_prefix: '/out' }),
        ],
      });
      expect(exits(trap)).toEqual([0]);
      expect(told(trap)).toContain('/out/trap');
      // Nothing but the honest file, whichever way it was asked for.
      expect(await delivered(folder)).toEqual(['all/honest', 'honest', 'matching/honest']);
      for (const file of await delivered(folder))
        expect(await readFile(join(folder, file), 'utf8')).toBe('honest\n');
    });
  }

  test('another task’s folder is out of reach', async () => {
    const neighbour = await server.create({
      executors: [sh(['sh', '-c', 'echo of-the-neighbour > /out/file; sleep 30'])],
      volumes: ['/out'],
    });
    const { disks } = runFolders('/run/bulkhead', join(server.folder, 'data'));
    const theirs = join(disks, '*/t/ws/out/file');
    // It is there for who looks from this host.
    await until(() => globSync(theirs).length === 1, {
      what: 'the file of the neighbour',
    });
    const task = await run({
      executors: [sh(['sh', '-c', `ln -s /run/bulkhead /out/run; ls -d ${theirs}; exit 0`])],
      outputs: [
        wanted('run', '/out/run', { type: 'DIRECTORY' }),
        wanted('neighbour', theirs.replace('/run/bulkhead', '/out/run'), { path_prefix: '/out' }),
      ],
    });
    await server.request(`/ga4gh/tes/v1/tasks/${neighbour}:cancel`, { method: 'POST' });
    expect(task.logs?.[0]?.logs[0]?.stdout).toBe('');
    expect(await delivered(folder)).toEqual([]);
    await server.ended(neighbour);
  });
});

describe('documents that can’t be tasks are refused with 400, naming the field', () => {
  const ok: TesExecutor = { image: 'busybox', command: ['true'] };
  const withImage = (image: string): TesTaskDocument => ({ executors: [{ ...ok, image }] });
  const DOCUMENTS: readonly [what: string, document: TesTaskDocument, field: string][] = [
    ...[
      '--privileged',
      '-v/:/host',
      'busybox;id',
      '$(id)',
      '`id`',
      '{{.ID}}',
      'a b',
      '../busybox',
      'busybox\nx',
    ].map((image): [string, TesTaskDocument, string] => [
      `the image ${JSON.stringify(image)}`,
      withImage(image),
      '/executors/0/image',
    ]),
    ['env with = in a key', { executors: [{ ...ok, env: { 'A=B': 'c' } }] }, '/executors/0/env'],
    ['env with an empty key', { executors: [{ ...ok, env: { '': 'c' } }] }, '/executors/0/env'],
    ['a relative workdir', { executors: [{ ...ok, workdir: 'work' }] }, '/executors/0/workdir'],
    ['.. in a workdir', { executors: [{ ...ok, workdir: '/a/../../etc' }] }, '/executors/0/workdir'],
    ['a relative stdin', { executors: [{ ...ok, stdin: 'in' }] }, '/executors/0/stdin'],
    ['.. in stdout', { executors: [{ ...ok, stdout: '/out/../../etc/x' }] }, '/executors/0/stdout'],
    ['.. in stderr', { executors: [{ ...ok, stderr: '/../x' }] }, '/executors/0/stderr'],
    ['a relative volume', { executors: [ok], volumes: ['data'] }, '/volumes/0'],
    ['.. in a volume', { executors: [ok], volumes: ['/a/../..'] }, '/volumes/0'],
    ['.. in an input', { executors: [ok], inputs: [{ path: '/in/../../x', content: '' }] }, '/inputs/0/path'],
    [
      'an output to ..',
      { executors: [ok], outputs: [{ path: '/x', url: '/data/../etc' }] },
      '/outputs/0/url',
    ],
    ['a relative output', { executors: [ok], outputs: [{ path: 'x', url: '/data/x' }] }, '/outputs/0/path'],
    [
      'inputs that collide',
      {
        executors: [ok],
        inputs: [
          { path: '/in', content: 'a' },
          { path: '/in/b', content: 'b' },
        ],
      },
      '/inputs/1/path',
    ],
  ];

  for (const [what, document, field] of DOCUMENTS) {
    test(what, async () => {
      const answer = await server.request('/ga4gh/tes/v1/tasks', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(document),
      });
      expect(answer.status).toBe(400);
      expect(await answer.text()).toContain(field);
    });
  }
});

describe('images that can’t run end SYSTEM_ERROR, and say why', () => {
  test.concurrent.each([
    ['busybox:missing', /library\/busybox[\s\S]*No layout/],
    ['no-such-image:1', /library\/no-such-image[\s\S]*No layout/],
    ['busybox:arm64', /arm64[\s\S]*amd64|amd64[\s\S]*arm64/],
    ['busybox:big-uid', /70000|65535|65,535/],
    ['box:ill-named', /nobody-knows/],
  ])('%s', async (image, said) => {
    const task = await run({ executors: [{ image, command: ['true'] }] });
    expect(task.state).toBe('SYSTEM_ERROR');
    expect(task.logs?.[0]?.logs).toEqual([]);
    expect(told(task)).toMatch(said);
  });
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

describe('tasks that are hard to end or to clean up after', () => {
  test('one that stops all its processes is canceled like any other', async () => {
    const mark = `bulkhead-stopped-${process.pid}`;
    const id = await server.create({
      executors: [sh(['sh', '-c', 'sleep 600 & echo ready; kill -STOP -1; kill -STOP $$; sleep 600', mark])],
    });
    await until(async () => (await Promise.all((await processesWith(mark)).map(isStopped))).includes(true), {
      what: 'the shell to be stopped',
    });
    await server.request(`/ga4gh/tes/v1/tasks/${id}:cancel`, { method: 'POST' });
    expect((await server.ended(id)).state).toBe('CANCELED');
    expect(await processesWith(mark)).toEqual([]);
  });

  test('one that leaves paths longer than the kernel takes is cleaned up after, and the next one runs', async () => {
    const code =
      'chdir "/out"; for (1 .. 60) { mkdir "d" x 200 or die; chdir "d" x 200 or die } open my $f, ">", "deep" or die';
    const deep = await run({
      executors: [box(['perl', '-e', code])],
      outputs: [wanted('deep', '/out', { type: 'DIRECTORY' })],
    });
    expect(exits(deep)).toEqual([0]);
    expect(told(deep)).toContain('output /out');
    expect((await run({ executors: [sh(['true'])] })).state).toBe('COMPLETE');
  });

  test('one whose folders keep everybody out delivers, and is cleaned up after', async () => {
    const closed = await run({
      executors: [
        sh(['sh', '-c', 'mkdir /out/d && echo kept > /out/d/file && chmod 0 /out/d/file /out/d /out']),
      ],
      outputs: [wanted('closed', '/out', { type: 'DIRECTORY' })],
    });
    expect(closed.state).toBe('COMPLETE');
    expect(await readFile(join(folder, 'closed', 'd', 'file'), 'utf8')).toBe('kept\n');
  });
});

test('arguments and variables arrive as they were sent, whatever they look like', async () => {
  const odd = [
    '',
    ' ',
    '$(id)',
    '`id`',
    '${HOME}',
    '{{.ID}}',
    "it's",
    '"',
    '\\',
    'two\nlines',
    'é\u{1F9EC}',
    '--',
    '-e',
  ];
  const task = await run({
    executors: [
      sh(['printf', '<%s>', ...odd]),
      {
        ...sh(['sh', '-c', odd.map((_, at) => `printf "<%s>" "$ODD_${at}"`).join(';')]),
        env: Object.fromEntries(odd.map((value, at) => [`ODD_${at}`, value])),
      },
    ],
  });
  const expected = odd.map((value) => `<${value}>`).join('');
  expect((task.logs?.[0]?.logs ?? []).map(({ stdout }) => stdout)).toEqual([expected, expected]);
});

test('a second server on the same data folder is refused, and the first goes on', async () => {
  const { code, stderr } = await server.bulkhead(['serve', '--config', server.configFile]);
  expect(code).not.toBe(0);
  expect(stderr).toContain(join(server.folder, 'data'));
  expect((await run({ executors: [sh(['true'])] })).state).toBe('COMPLETE');
});

function wanted(name: string, path: string, more: Partial<TesOutput> = {}): TesOutput {
  return { url: join(folder, name), path, ...more };
}

function sh(command: readonly string[]): TesExecutor {
  return { image: 'busybox:latest', command: [...command] };
}

function box(command: readonly string[]): TesExecutor {
  return { image: 'box:latest', command: [...command] };
}

async function run(document: TesTaskDocument): Promise<TesTask> {
  return server.run(document);
}

async function isStopped(pid: number): Promise<boolean> {
  return /^State:\s+T/m.test(await readFile(`/proc/${pid}/status`, 'utf8').catch(() => ''));
}

function exits(task: TesTask): number[] {
  return (task.logs?.[0]?.logs ?? []).map(({ exit_code }) => exit_code);
}

function told(task: TesTask): string {
  return task.logs?.[0]?.system_logs?.join('\n') ?? '';
}

async function delivered(path: string): Promise<string[]> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(path.length + 1))
    .toSorted();
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

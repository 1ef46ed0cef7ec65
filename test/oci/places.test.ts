/** Files at odd places (the root itself, an image's own, a file where a folder should be), on a real server. */
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { TesExecutor, TesOutput, TesTaskDocument } from '../../src/tes/task.ts';
import { tracesOfServer } from '../e2e/traces.ts';
import { busyboxFiles, busyboxLayout } from '../fixtures/images.ts';
import { writeLayout } from '../fixtures/layouts.ts';
import { temporaryFolder, type TemporaryFolder } from '../fixtures/provider.ts';
import { startServer, type TestServer } from '../fixtures/server.ts';
import { sh, told } from './tasks.ts';

let odd: TemporaryFolder;
beforeAll(async () => {
  odd = await temporaryFolder();
  const files = await busyboxFiles();
  const variables = Array.from({ length: 17 }, (_, at) => `BIG${at}=${'x'.repeat(120_000)}`);
  await writeLayout(join(odd.path, 'odd'), [
    { names: ['workdir'], layers: [files], config: { WorkingDir: '/etc/passwd' } },
    { names: ['variables'], layers: [files], config: { Env: variables } },
    {
      names: ['etc-file'],
      layers: [
        [{ path: 'bin/', type: 'directory' }, ...files.filter(({ path }) => !path.startsWith('etc'))],
        [{ path: 'etc', content: 'x' }],
      ],
      config: {},
    },
    {
      names: ['linked'],
      layers: [
        files,
        [
          { path: 'srv/', type: 'directory' },
          { path: 'srv/app/', type: 'directory' },
          { path: 'srv/app/of-image', content: 'of the image\n' },
          { path: 'app', type: 'symlink', link: 'srv/app' },
        ],
      ],
      config: {},
    },
  ]);
});
afterAll(async () => {
  await odd[Symbol.asyncDispose]();
});

async function start(profile: string): Promise<TestServer> {
  return await startServer({
    images: { layouts: [await busyboxLayout(), odd.path] },
    policy: { defaults: { profile, cpu_cores: 0.25, ram_gb: 0.0625, disk_gb: 0.0625 } },
    limits: { attempts: 3 },
  });
}

describe.each(['standard', 'strict', 'mapped-root'])('with the profile %s', (profile) => {
  let server: TestServer;
  let folder: string;
  let serial = 0;
  beforeAll(async () => {
    server = await start(profile);
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
  const wanted = (name: string, path: string, more: Partial<TesOutput> = {}): TesOutput => ({
    url: join(folder, name),
    path,
    ...more,
  });

  test.each(['latest', 'user'])(
    'busybox:%s reads inputs in the root itself, and streams are stored there',
    async (tag) => {
      const image = `busybox:${tag}`;
      const script =
        'cat /in.txt; echo more >> /in.txt && touch /o/x /v/x /tmp/x "$HOME/x" work && echo problem >&2';
      const task = await server.run({
        volumes: ['/v'],
        inputs: [{ path: '/in.txt', content: 'in\n' }],
        outputs: [wanted('x', '/o/x'), wanted('stdout', '/stdout.txt'), wanted('stderr', '/stderr.txt')],
        executors: [
          {
            image,
            command: ['sh', '-c', script],
            stdout: '/stdout.txt',
            stderr: '/stderr.txt',
            workdir: '/w',
          },
          // Another user, who has what the first one made.
          {
            image: 'busybox:named',
            command: ['sh', '-c', 'cat && cat /in.txt && echo >> /o/x && rm -r /v/x'],
            stdin: '/stdout.txt',
          },
        ],
      });
      expect(told(task)).toBe('');
      expect(task).toMatchObject({
        state: 'COMPLETE',
        logs: [{ logs: [{ stdout: 'in\n' }, { stdout: 'in\nin\nmore\n', stderr: '' }] }],
      });
      expect(await contents(folder)).toEqual({ stderr: 'problem\n', stdout: 'in\n', x: '\n' });
    },
  );

  const OF_ROOT: readonly [
    what: string,
    outputs: (folder: string) => Partial<TesTaskDocument>,
    field: string,
  ][] = [
    ['an output', (to) => ({ outputs: [{ url: join(to, 'x'), path: '/made.txt' }] }), '/outputs/0/path'],
    ['a pattern', (to) => ({ outputs: [{ url: to, path: '/*.txt', path_prefix: '/' }] }), '/outputs/0/path'],
    [
      'an output that is stdin',
      (to) => ({
        outputs: [{ url: join(to, 'x'), path: '/made.txt' }],
        executors: [sh(['true']), { ...sh(['true']), stdin: '/made.txt' }],
      }),
      '/outputs/0/path',
    ],
  ];
  test.each(OF_ROOT)(
    '%s in the root itself is made and delivered, or refused where the root is read only',
    async (_what, more, field) => {
      const made = sh(['sh', '-c', 'echo made > /made.txt']);
      const other = { image: 'busybox:named', command: ['sh', '-c', 'echo more >> /made.txt'] };
      const given = more(folder);
      const running = server.run({ ...given, executors: [made, other, ...(given.executors ?? [])] });
      if (profile === 'strict') {
        await expect(running).rejects.toThrow(
          new RegExp(`answered 400: .*${field}: the root folder itself is read only`),
        );
        return;
      }
      const task = await running;
      expect({ state: task.state, told: told(task) }).toEqual({ state: 'COMPLETE', told: '' });
      expect(Object.values(await contents(folder))).toEqual(['made\nmore\n']);
    },
  );

  test.each(['latest', 'user'])(
    'files of the image busybox:%s that nobody touched are an executor’s standard input, and outputs',
    async (tag) => {
      const image = `busybox:${tag}`;
      const passwd = (await server.run({ executors: [{ image, command: ['cat', '/etc/group'] }] })).logs?.[0]
        ?.logs[0]?.stdout;
      const executors: TesExecutor[] = [
        { image, command: ['cat'], stdin: '/etc/group' },
        { image: 'busybox:docker', command: ['cat'], stdin: '/etc/schema', stdout: '/out/schema' },
      ];
      const task = await server.run({
        executors,
        outputs: [
          wanted('group', '/etc/group'),
          wanted('all', '/etc', { type: 'DIRECTORY' }),
          wanted('matching', '/etc/sch*', { path_prefix: '/etc' }),
          wanted('missing', '/etc/missing'),
        ],
      });
      expect(told(task)).toContain('output /etc/missing was not made');
      expect(task).toMatchObject({
        state: 'COMPLETE',
        logs: [{ logs: [{ stdout: passwd }, { stdout: 'docker\n' }] }],
      });
      // What the last executor saw.
      expect(await contents(folder)).toMatchObject({
        group: passwd,
        'all/group': passwd,
        'all/schema': 'docker\n',
        'matching/schema': 'docker\n',
      });
    },
  );

  test('what an executor changes or removes of the image’s files is what is delivered', async () => {
    const task = await server.run({
      executors: [sh(['sh', '-c', 'echo changed > /opt/new; rm -f /usr/bin/env; ls /usr/bin'])],
      outputs: [wanted('opt', '/opt', { type: 'DIRECTORY' }), wanted('env', '/usr/bin/env')],
    });
    expect(task.state).toBe('COMPLETE');
    expect(await contents(folder)).toMatchObject({ 'opt/new': 'changed\n' });
  });
});

describe('what no container can be made for ends the task before anything runs, with the field’s name', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await start('standard');
  });
  afterAll(async () => {
    await server.stop();
    expect(await tracesOfServer(server)).toEqual([]);
  });

  const DOCUMENTS: readonly [what: string, document: TesTaskDocument, said: string][] = [
    [
      'a working directory that is a file',
      { executors: [sh(['true']), { ...sh(['pwd']), workdir: '/etc/passwd' }] },
      '/executors/1/workdir: /etc/passwd is a file in the image busybox:latest, or below one; choose a folder, or a path where the image has nothing',
    ],
    [
      'one below a file',
      { executors: [{ ...sh(['pwd']), workdir: '/etc/passwd/here' }] },
      '/executors/0/workdir: /etc/passwd/here is a file',
    ],
    [
      'one of the image that is a file',
      { executors: [{ image: 'odd:workdir', command: ['pwd'] }] },
      'the working directory that the image names, /etc/passwd, is a file in the image odd:workdir, or below one; choose a folder as /executors/0/workdir',
    ],
    [
      'one that is an input',
      { inputs: [{ path: '/in/x', content: '' }], executors: [{ ...sh(['pwd']), workdir: '/in/x' }] },
      'a working directory of the task names can’t be made: /in/x: enter: Not a directory',
    ],
    [
      'one of the kernel’s',
      { executors: [{ ...sh(['pwd']), workdir: '/proc/self' }] },
      '/executors/0/workdir: /proc belongs to the sandbox',
    ],
    [
      'an input below a file',
      { inputs: [{ path: '/etc/passwd/x', content: 'x' }], executors: [sh(['true'])] },
      '/inputs/0/path: the folder /etc/passwd is a file in the image busybox:latest',
    ],
    [
      'a volume at a file',
      { volumes: ['/v', '/bin/busybox'], executors: [sh(['true'])] },
      '/volumes/1: the folder /bin/busybox is a file in the image busybox:latest',
    ],
    [
      'more variables than Linux passes',
      { executors: [{ image: 'odd:variables', command: ['true', 'x'.repeat(100_000)] }] },
      '/executors/0: command, env and the variables of the image odd:variables have 2140',
    ],
    [
      'an image whose /etc is a file',
      { executors: [{ image: 'odd:etc-file', command: ['true'] }] },
      'executor 0: in the root file system of its image: mkdir /etc: File exists',
    ],
    [
      'a stdin that is nowhere, which is no fault of this host’s',
      { executors: [{ ...sh(['cat']), stdin: '/nowhere/x' }] },
      'executor 0: opening /nowhere/x for stdin: No such file or directory',
    ],
  ];
  test.concurrent.each(DOCUMENTS)('%s', async (_what, document, said) => {
    const task = await server.run(document);
    expect(task).toMatchObject({ state: 'SYSTEM_ERROR', logs: [{ outputs: [] }] });
    // One attempt: another one would end as it did.
    expect(task.logs).toHaveLength(1);
    expect(told(task).replaceAll("'", '’')).toContain(said);
    expect(told(task)).not.toContain('/run/bulkhead');
  });

  test('a working directory that the image has behind a link is the image’s', async () => {
    const task = await server.run({
      executors: [{ image: 'odd:linked', command: ['cat', 'of-image'], workdir: '/app' }],
    });
    expect(task).toMatchObject({ state: 'COMPLETE', logs: [{ logs: [{ stdout: 'of the image\n' }] }] });
  });
});

describe('standard input', () => {
  test('can be read anew and from any place, cannot be written, and shows no place of this host', async () => {
    const server = await start('standard');
    try {
      const script = [
        'readlink /proc/self/fd/0',
        'head -c 2; cat /proc/self/fd/0',
        'dd if=/proc/self/fd/0 bs=1 skip=3 count=2 2>/dev/null; echo',
        '{ chmod 666 /proc/self/fd/0; echo x > /proc/self/fd/0; } 2>/dev/null || echo refused',
      ].join('\n');
      const task = await server.run({
        inputs: [{ path: '/in/x', content: 'abcdef\n' }],
        executors: [{ ...sh(['sh', '-c', script]), stdin: '/in/x' }, sh(['cat', '/in/x'])],
      });
      const [first, second] = task.logs?.[0]?.logs ?? [];
      expect(first?.stdout).toBe('/stdin-0\nababcdef\nde\nrefused\n');
      expect(second?.stdout).toBe('abcdef\n');
    } finally {
      await server.stop();
    }
  });
});

/** Of all files in a folder, by their paths. */
async function contents(folder: string): Promise<Record<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const found = await Promise.all(
    files
      .toSorted()
      .map(async (path) => [path.slice(folder.length + 1), await readFile(path, 'utf8')] as const),
  );
  return Object.fromEntries(found);
}

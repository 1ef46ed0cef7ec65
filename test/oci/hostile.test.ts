/** Hostile tasks on a real server: each ends with a clear error, and nothing of this host is lost or told. */
import { globSync } from 'node:fs';
import { chmod, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { TesOutput, TesTask, TesTaskDocument } from '../../src/tes/task.ts';
import { runFolders } from '../../src/warden/run-folders.ts';
import { processesWith, tracesOfServer } from '../e2e/traces.ts';
import { busyboxLayout } from '../fixtures/images.ts';
import { temporaryFolder, type TemporaryFolder } from '../fixtures/provider.ts';
import { startServer, type TestServer } from '../fixtures/server.ts';
import { until } from '../poll.ts';
import { writeBoxLayout } from './images.ts';
import { box, exits, sh, told } from './tasks.ts';

const SECRET = 'a secret of this host\n';

let server: TestServer;
let boxes: TemporaryFolder;
/** Of this host, outside of what tasks may have. */
let secret: string;
let folder: string;
let serial = 0;

beforeAll(async () => {
  boxes = await temporaryFolder();
  await chmod(boxes.path, 0o755);
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
  await server.makeFolder(folder);
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
    const seen = await server.seen(theirs);
    await until(() => globSync(seen).length === 1, {
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

test('a second server on the same data folder is refused, and the first goes on', async () => {
  const { code, stderr } = await server.bulkhead(['serve', '--config', server.configFile]);
  expect(code).not.toBe(0);
  expect(stderr).toContain(join(server.folder, 'data'));
  expect((await run({ executors: [sh(['true'])] })).state).toBe('COMPLETE');
});

function wanted(name: string, path: string, more: Partial<TesOutput> = {}): TesOutput {
  return { url: join(folder, name), path, ...more };
}

async function run(document: TesTaskDocument): Promise<TesTask> {
  return server.run(document);
}

async function isStopped(pid: number): Promise<boolean> {
  return /^State:\s+T/m.test(await readFile(`/proc/${pid}/status`, 'utf8').catch(() => ''));
}

async function delivered(path: string): Promise<string[]> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(path.length + 1))
    .toSorted();
}

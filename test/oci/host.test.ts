/** What a server makes of the end of its own means: a full disk of this host, and the time that a site grants. */
import { execFile } from 'node:child_process';
import { access, mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TesTask } from '../../src/tes/task.ts';
import { temporaryFolder, type TemporaryFolder } from '../fixtures/provider.ts';
import { processesWith, tracesOfServer } from '../e2e/traces.ts';
import { until } from '../poll.ts';
import { exits, told } from './tasks.ts';
import { startServer, type TestServer } from '../fixtures/server.ts';

const MIB = 2 ** 20;
const TIMEOUT_S = 4;

let small: TemporaryFolder;
let server: TestServer;

beforeAll(async () => {
  small = await temporaryFolder();
  await mkdir(small.at('disk'));
  await command('/usr/bin/truncate', '-s', String(192 * MIB), small.at('image'));
  await command('/sbin/mke2fs', '-q', '-F', '-t', 'ext4', '-m', '0', small.at('image'));
  await command('/bin/mount', '-o', 'loop', small.at('image'), small.at('disk'));
  await mkdir(small.at('disk', 'files'));
  server = await startServer({
    backend: { work: small.at('disk', 'work') },
    storage: { file: { roots: [{ path: small.at('disk', 'files'), write: true }] } },
    policy: {
      defaults: { cpu_cores: 0.25, ram_gb: 0.0625, disk_gb: 32 / 1024, timeout: `${TIMEOUT_S}s` },
    },
    limits: { stdio_bytes: '128KiB', reserved: { disk: 0 } },
  });
});
afterAll(async () => {
  await server.stop();
  expect(await tracesOfServer(server)).toEqual([]);
  await command('/bin/umount', small.at('disk'));
  await small[Symbol.asyncDispose]();
});

describe('on a disk of this host that is full', () => {
  test('tasks end SYSTEM_ERROR with what was missing; what is there stays, and later ones run', async () => {
    const before = await write('before', 1);
    expect(before.state).toBe('COMPLETE');

    const { stdout } = await command('/bin/df', '--output=avail', '-B1', small.at('disk'));
    const free = Number(stdout.split('\n')[1]);
    await command('/usr/bin/fallocate', '-l', String(free - 4 * MIB), small.at('disk', 'filler'));
    // Its disk is that of the task before; only its output has no room.
    const output = await write('output', 8);
    expect({ state: output.state, exits: exits(output) }).toEqual({ state: 'SYSTEM_ERROR', exits: [0] });
    expect(told(output)).toMatch(/output \/out\/file: .*No space left/);
    await expect(access(small.at('disk', 'files', 'output'))).rejects.toMatchObject({ code: 'ENOENT' });

    const larger = await write('larger', 1, 48 / 1024);
    expect({ state: larger.state, exits: exits(larger) }).toEqual({ state: 'SYSTEM_ERROR', exits: [] });
    expect(told(larger)).toMatch(/disk-full: task disk \d+: .*No space left/);

    await rm(small.at('disk', 'filler'));
    expect((await write('after', 1, 48 / 1024)).state).toBe('COMPLETE');
    for (const name of ['before', 'after'])
      expect((await readFile(small.at('disk', 'files', name))).length).toBe(MIB);
    expect((await server.get(before.id)).logs).toEqual(before.logs);
  });
});

describe('wall time', () => {
  test('what outlives it is killed with 137, told so, and no other executor starts', async () => {
    const task = await server.run({
      executors: [
        {
          image: 'busybox:latest',
          command: ['sh', '-c', 'trap "" TERM; echo early; sleep 600'],
          ignore_error: true,
        },
        { image: 'busybox:latest', command: ['true'] },
      ],
    });
    expect({ state: task.state, exits: exits(task) }).toEqual({ state: 'EXECUTOR_ERROR', exits: [137] });
    expect(told(task)).toContain(`killed at the end of its wall time of ${TIMEOUT_S} s (sandbox_timeout)`);
    const [log] = task.logs?.[0]?.logs ?? [];
    expect(log?.stdout).toBe('early\n');
    const seconds = (Date.parse(log?.end_time ?? '') - Date.parse(log?.start_time ?? '')) / 1000;
    expect(seconds).toBeGreaterThan(TIMEOUT_S / 2);
    expect(seconds).toBeLessThan(TIMEOUT_S + 5);
  });
});

test('a container whose conmon was killed is ended, since nobody can tell its exit code', async () => {
  const mark = `bulkhead-unwatched-${process.pid}`;
  const id = await server.create({
    resources: { disk_gb: 32 / 1024 },
    executors: [{ image: 'busybox:latest', command: ['sh', '-c', 'sleep 600; sleep 600', mark] }],
  });
  const folder = small.at('disk', 'work', 'containers', `${id}-1`, '0');
  await until(async () => (await processesWith(mark)).length > 0, { what: 'the task to run' });
  process.kill(Number(await readFile(join(folder, 'conmon.pid'), 'utf8')), 'SIGKILL');
  const task = await server.ended(id);
  expect(await processesWith(mark)).toEqual([]);
  expect(task.state).toBe('SYSTEM_ERROR');
  expect(told(task)).toContain('the exit code is lost');
});

async function write(name: string, mebibytes: number, disk_gb?: number): Promise<TesTask> {
  const script = `dd if=/dev/zero of=/out/file bs=1M count=${mebibytes} 2> /dev/null`;
  return server.run({
    executors: [{ image: 'busybox:latest', command: ['sh', '-c', script] }],
    outputs: [{ path: '/out/file', url: join(small.at('disk', 'files'), name) }],
    ...(disk_gb === undefined ? {} : { resources: { disk_gb } }),
  });
}

async function command(program: string, ...args: string[]): Promise<{ stdout: string }> {
  return promisify(execFile)(program, args);
}

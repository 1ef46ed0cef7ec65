/** Bombs, all at once on a real server, beside a neighbour that must not notice. */
import { mkdir, readFile, readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TesExecutor, TesTask, TesTaskDocument } from '../../src/tes/task.ts';
import { cgroupPaths, cgroupVersion } from '../../src/warden/cgroups.ts';
import { cgroupParent } from '../../src/warden/delegation.ts';
import { runFolders } from '../../src/warden/run-folders.ts';
import { tracesOfServer } from '../e2e/traces.ts';
import { busyboxLayout } from '../fixtures/images.ts';
import { temporaryFolder, type TemporaryFolder } from '../fixtures/provider.ts';
import { startServer, type TestServer } from '../fixtures/server.ts';
import { SLOWNESS, until } from '../poll.ts';
import { writeBoxLayout } from './images.ts';
import { startNeighbour, type Neighbour } from './neighbour.ts';

const PIDS = 48;
const INODES = 1024;
const LOG_BYTES = 2 ** 20;
const FLOOD_BYTES = 64 * 2 ** 20;
const MARK = `bulkhead-left-behind-${process.pid}`;
/** Enough for every bomb to begin beside it. */
const BEATS = 120 * SLOWNESS;
const OPEN_FILES = 64;

const SCRIPTS = {
  // exec forks no more, and outlives the refusals.
  forks: 'f() { f | f & }; f; exec sleep 3',
  memory: 'tail /dev/zero; rc=$?; echo "the tool ended with $rc" > /out/result; exit $rc',
  flood: `head -c ${FLOOD_BYTES} /dev/zero | tr "\\\\0" x; echo the last words >&2`,
  disk: 'dd if=/dev/zero of=/shared/fill bs=512 || exit 9',
  diskRemoved: 'dd if=/dev/zero of=/shared/fill bs=65536 || { rm /shared/fill; exit 9; }',
  inodes: 'n=0; while echo > /shared/$n; do n=$((n+1)); done; exit 9',
  largeFile: 'exec truncate -s 1099511627776 /shared/large',
  streamFile: 'head -c 100000000 /dev/zero; echo went on >&2',
  cpu: 'timeout 3 sh -c "while :; do :; done"; times',
  memoryMain: 'exec tail /dev/zero',
  sharedMemory:
    'dd if=/dev/zero of=/dev/shm/fill bs=8M; rc=$?; : > /dev/shm/fill; echo "the tool ended with $rc" > /out/result; exit 3',
  files: 'perl -e "$OPENER"',
  signal: 'kill -SEGV $$',
  canceled: 'exec sleep 600',
  leaver: `trap "" TERM INT HUP; (setsid sh -c 'trap "" TERM INT HUP; sleep 600; sleep 600' ${MARK} &) & (setsid sh -c 'trap "" TERM INT HUP; (sleep 600; sleep 600) & wait' ${MARK} &); sleep 2; exit 0`,
} as const satisfies Record<string, string>;
/** Opens a file again and again; ends with the number of the error, 24 for EMFILE (errno(3)). */
const OPENER =
  'my @open; while (open my $file, "<", "/dev/null") { push @open, $file } print scalar(@open), "\\n"; exit 9 if $! != 24; print STDERR "opener: $!\\n"; exit $!';
type Bomb = keyof typeof SCRIPTS;

let server: TestServer;
let neighbour: Neighbour;
let boxes: TemporaryFolder;
const ids = new Map<Bomb, string>();

beforeAll(async () => {
  boxes = await temporaryFolder();
  await writeBoxLayout(boxes.path);
  server = await startServer({
    images: { layouts: [await busyboxLayout(), boxes.path] },
    policy: {
      defaults: {
        cpu_cores: 0.2,
        ram_gb: 0.0625,
        disk_gb: 0.0625,
        disk_inodes: INODES,
        pids: PIDS,
        open_files: OPEN_FILES,
      },
    },
    limits: { stdio_bytes: LOG_BYTES },
    backend: { slots: 16 },
  });
  await mkdir(join(server.files, 'out'));
  neighbour = await startNeighbour(server, BEATS);
});
afterAll(async () => {
  await server.stop();
  expect(await tracesOfServer(server)).toEqual([]);
  await boxes[Symbol.asyncDispose]();
});

describe.concurrent('a bomb ends at its limit', () => {
  test('processes: forks are refused, and what was forked ends with its executor', async () => {
    const id = await submit('forks');
    const end = watched(ended('forks'));
    let most = 0;
    await until(
      async () => {
        most = Math.max(most, await processesIn(id));
        return end.isSettled();
      },
      { timeoutMs: 30_000, what: 'the end of the fork bomb' },
    );
    // The init comes on top. How many a look finds depends on when it looks; that the limit was met, the kernel counted.
    expect(most).toBeLessThanOrEqual(PIDS + 1);
    expect(await logs('forks')).toMatch(new RegExp(`refused at the limit of ${PIDS} \\(sandbox_pids\\)`));
  });

  test('memory: the tool is killed, and the shell around it still writes what it ended with', async () => {
    await submit('memory');
    expect(await ended('memory')).toMatchObject({ state: 'EXECUTOR_ERROR' });
    expect((await exits('memory'))[0]).toBe(137);
    expect(await logs('memory')).toMatch(/out of memory: 1 process was killed at the limit of 0\.0625 GiB/);
    expect(await logs('memory')).toContain('and the executor ended as by SIGKILL');
    expect(await result('memory')).toBe('the tool ended with 137\n');
  });

  test('memory: an executor without anybody around its tool ends with it', async () => {
    await submit('memoryMain');
    expect(await ended('memoryMain')).toMatchObject({ state: 'EXECUTOR_ERROR' });
    expect(await exits('memoryMain')).toEqual([137]);
    expect(await logs('memoryMain')).toMatch(/1 process was killed .* ended as by SIGKILL/);
  });

  test('memory: files in shared memory count, and the shell goes on once they are gone', async () => {
    await submit('sharedMemory');
    await ended('sharedMemory');
    expect(await result('sharedMemory')).toBe('the tool ended with 137\n');
    expect(await exits('sharedMemory')).toEqual([3]);
    expect(await logs('sharedMemory')).toContain('the executor itself went on, and ended with 3');
  });

  test('logs: the first part is kept, the rest costs neither disk nor the server’s memory', async () => {
    const before = await residentBytes(server.pid);
    const id = await submit('flood');
    const end = watched(ended('flood'));
    let most = before;
    await until(
      async () => {
        most = Math.max(most, await residentBytes(server.pid));
        return end.isSettled();
      },
      { timeoutMs: 60_000, what: 'the end of the log flood' },
    );
    expect(most - before).toBeLessThan(FLOOD_BYTES / 2);
    const [log] = (await task('flood')).logs?.[0]?.logs ?? [];
    expect(log?.stderr).toBe('the last words\n');
    expect(log?.stdout).toMatch(/^x+$/);
    expect(await logs('flood')).toContain(`of ${FLOOD_BYTES} bytes, the first ${LOG_BYTES} were kept`);
    const kept = await stat(join(attemptFolder(id), '0', 'stdout'));
    expect(kept.size).toBe(LOG_BYTES);
    expect(kept.blocks * 512).toBeLessThan(2 * LOG_BYTES);
  });

  test('disk: the tool’s own message is in the log, though the disk is full to the last byte', async () => {
    await submit('disk');
    const { state, logs: attempts } = await ended('disk');
    expect(state).toBe('EXECUTOR_ERROR');
    expect(attempts?.[0]?.logs[0]).toMatchObject({
      exit_code: 9,
      stderr: expect.stringContaining('No space left on device'),
    });
    expect(await logs('disk')).toContain('disk of 0.0625 GiB is full (resources.disk_gb)');
  });

  test('disk: a tool that removes what it could not write is explained too', async () => {
    await submit('diskRemoved');
    expect(await ended('diskRemoved')).toMatchObject({ state: 'EXECUTOR_ERROR' });
    expect(await logs('diskRemoved')).toContain('stderr tells of a full disk, which is not full any more');
  });

  test('files: no more than the disk has inodes', async () => {
    await submit('inodes');
    const { logs: attempts } = await ended('inodes');
    expect(attempts?.[0]?.logs[0]?.stderr).toContain('No space left on device');
    expect(await logs('inodes')).toContain('has no room for more than');
  });

  test('one file of a terabyte: ended by SIGXFSZ, and told so', async () => {
    await submit('largeFile');
    await ended('largeFile');
    expect(await exits('largeFile')).toEqual([128 + 25]);
    expect(await logs('largeFile')).toContain('SIGXFSZ');
  });

  test('the file for stdout: it takes what the disk takes, and the tool goes on', async () => {
    await submit('streamFile', { stdout: '/shared/stdout' });
    const { logs: attempts, state } = await ended('streamFile');
    expect(state).toBe('COMPLETE');
    expect(attempts?.[0]?.logs[0]).toMatchObject({ exit_code: 0, stderr: 'went on\n' });
    expect(await logs('streamFile')).toContain('the file for stdout is incomplete: No space left on device');
  });

  test('processor: a loop gets its share and no more', async () => {
    await submit('cpu');
    const [log] = (await ended('cpu')).logs?.[0]?.logs ?? [];
    // `times`: user and system seconds of the shell, then of its children.
    const seconds = [...(log?.stdout ?? '').matchAll(/(\d+)m([\d.]+)s/g)].map(
      ([, m, s]) => Number(m) * 60 + Number(s),
    );
    expect(seconds).toHaveLength(4);
    const used = seconds.reduce((sum, each) => sum + each, 0);
    expect(used).toBeGreaterThan(0.05);
    expect(used).toBeLessThan(3 * 0.2 * 1.5);
  });

  test('life: what ignores SIGTERM and left its parent is dead once the executor has ended', async () => {
    await submit('leaver');
    await until(async () => (await marked()).length >= 2, { what: 'the processes that are left behind' });
    expect(await ended('leaver')).toMatchObject({ state: 'COMPLETE' });
    expect(await marked()).toEqual([]);
  });

  test('open files: no more at once, and the tool’s own words are explained', async () => {
    await submit('files', { image: 'box:latest', env: { OPENER } });
    const { logs: attempts } = await ended('files');
    // Standard input, output and error are open already.
    expect(attempts?.[0]?.logs[0]).toMatchObject({ exit_code: 24, stdout: `${OPEN_FILES - 3}\n` });
    expect(await logs('files')).toContain(`may have ${OPEN_FILES} at once (policy.defaults.open_files)`);
  });

  test('a signal that the task sent itself is told as its own', async () => {
    await submit('signal');
    await ended('signal');
    expect(await exits('signal')).toEqual([139]);
    expect(await logs('signal')).toContain(
      '139, as by SIGSEGV, which neither a limit nor the server sent: it came from within the task',
    );
  });

  test('a cancel is told as such', async () => {
    const id = await submit('canceled');
    await until(async () => (await task('canceled')).state === 'RUNNING', { what: 'the task to run' });
    await server.request(`/ga4gh/tes/v1/tasks/${id}:cancel`, { method: 'POST' });
    expect(await ended('canceled')).toMatchObject({ state: 'CANCELED' });
    expect(await logs('canceled')).toContain('killed because the task was canceled');
  });

  test('and the neighbour never noticed', async () => {
    const end = Date.parse((await neighbour.judge()).logs?.[0]?.end_time ?? '');
    for (const bomb of ids.keys())
      expect(Date.parse((await task(bomb)).logs?.[0]?.start_time ?? ''), bomb).toBeLessThan(end);
  });
});

async function submit(bomb: Bomb, more: Partial<TesExecutor> = {}): Promise<string> {
  const document: TesTaskDocument = {
    name: bomb,
    executors: [{ image: 'busybox:latest', command: ['sh', '-c', SCRIPTS[bomb]], ...more }],
    volumes: ['/shared'],
    outputs: [{ path: '/out/result', url: pathToFileURL(join(server.files, 'out', bomb)).href }],
  };
  const id = await server.create(document);
  ids.set(bomb, id);
  return id;
}

async function task(bomb: Bomb): Promise<TesTask> {
  return server.get(ids.get(bomb) ?? '');
}

async function ended(bomb: Bomb): Promise<TesTask> {
  return server.ended(ids.get(bomb) ?? '');
}

async function logs(bomb: Bomb): Promise<string> {
  return (await task(bomb)).logs?.[0]?.system_logs?.join('\n') ?? '';
}

async function exits(bomb: Bomb): Promise<number[]> {
  return ((await task(bomb)).logs?.[0]?.logs ?? []).map(({ exit_code }) => exit_code);
}

async function result(bomb: Bomb): Promise<string> {
  return readFile(join(server.files, 'out', bomb), 'utf8');
}

function attemptFolder(id: string): string {
  return join(server.folder, 'data', 'work', 'containers', `${id}-1`);
}

/** As its cgroup counts them. */
async function processesIn(id: string): Promise<number> {
  const { instance } = runFolders('/run/bulkhead', join(server.folder, 'data'));
  const { pidsLimit } = cgroupPaths(cgroupVersion(), cgroupParent(instance), `${id}-1-0`);
  return Number(await readFile(join(dirname(pidsLimit), 'pids.current'), 'utf8').catch(() => '0'));
}

function watched(promise: Promise<unknown>): { isSettled: () => boolean } {
  let isSettled = false;
  void promise.finally(() => (isSettled = true));
  return { isSettled: () => isSettled };
}

async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) * 1024;
}

/** Processes of this host that were started with the mark. */
async function marked(): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const commands = await Promise.all(
    pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')),
  );
  return commands.filter((command) => command.split('\0').at(-2) === MARK);
}

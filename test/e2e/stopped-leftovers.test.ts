/** `bulkhead gc --stopped`: what a server that doesn't run left on the host, and instances whose data folder is gone. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { runFolders } from '../../src/warden/run-folders.ts';
import { startServer, type TestServer } from '../fixtures/server.ts';
import { until } from '../poll.ts';
import { processesWith } from './traces.ts';

/** A place of its own: what others left on this host is theirs. */
const RUN_FOLDER = `/run/bulkhead-gc-${process.pid}`;
const SLEEP = (seconds: string) => ({
  executors: [{ image: 'busybox:latest', command: ['sleep', seconds] }],
});

afterAll(async () => await rm(RUN_FOLDER, { recursive: true }));

const start = async (): Promise<TestServer> => await startServer({ backend: { run: RUN_FOLDER } });

async function running(server: TestServer, seconds: string): Promise<string> {
  const id = await server.create(SLEEP(seconds));
  await until(
    async () => {
      const task = await server.get(id);
      if (task.state !== 'QUEUED' && task.state !== 'INITIALIZING' && task.state !== 'RUNNING')
        throw new Error(`the task ended otherwise: ${JSON.stringify(task)}; ${await server.log()}`);
      return task.state === 'RUNNING';
    },
    { timeoutMs: 60_000, what: `${id} to run` },
  );
  return id;
}

const gc = async (server: TestServer, ...options: string[]) => {
  const { code, stdout, stderr } = await server.bulkhead(['gc', '--stopped', '--json', ...options]);
  const leftovers: { kind: string; name: string; reason: string; failure?: string }[] =
    stdout === '' ? [] : JSON.parse(stdout).leftovers;
  return { code, stderr, leftovers, names: leftovers.map(({ name }) => name) };
};

test('of a server that was killed, all but what its running task has; which it isn’t asked for while it runs', async () => {
  const server = await start();
  try {
    const seconds = String(500_000 + process.pid);
    const task = await running(server, seconds);
    expect(await gc(server)).toMatchObject({
      code: expect.any(Number),
      leftovers: [],
      stderr: expect.stringContaining('in use'),
    });
    await server.leave('SIGKILL');
    const run = runFolders(RUN_FOLDER, realpathSync(join(server.folder, 'data')));
    const disk = join(server.folder, 'data', 'work', 'disks', '77.img');
    const mount = join(run.disks, '77');
    execFileSync('truncate', ['-s', '8MiB', disk]);
    execFileSync('mke2fs', ['-q', '-F', '-t', 'ext4', disk]);
    const loop = execFileSync('losetup', ['--find', '--show', disk], { encoding: 'utf8' }).trim();
    mkdirSync(mount);
    execFileSync('mount', [loop, mount]);

    const shown = await gc(server);
    expect(shown.names).toEqual(expect.arrayContaining([disk, mount, loop]));
    expect(JSON.stringify(shown)).not.toContain(task);
    expect(existsSync(disk)).toBe(true);
    const removed = await gc(server, '--yes');
    expect(removed.leftovers.filter(({ failure }) => failure !== undefined)).toEqual([]);
    expect(removed).toMatchObject({ code: 0, names: expect.arrayContaining([disk, mount, loop]) });
    expect([disk, mount].map((path) => existsSync(path))).toEqual([false, false]);
    expect((await gc(server)).leftovers).toEqual([]);

    // What ran has gone on, and is taken up.
    expect(await processesWith(seconds)).not.toEqual([]);
    await server.serveAgain();
    expect((await server.get(task)).state).toBe('RUNNING');
  } finally {
    await server.stop();
  }
}, 180_000);

test('an instance whose data folder is gone is ended and removed whole, and none that a warden has', async () => {
  const [server, gone] = [await start(), await start()];
  try {
    const [seconds, kept] = [String(510_000 + process.pid), String(520_000 + process.pid)];
    await running(server, kept);
    await running(gone, seconds);
    const { root } = runFolders(RUN_FOLDER, realpathSync(join(gone.folder, 'data')));
    await gone.leave('SIGKILL');
    await rm(gone.folder, { recursive: true });
    // Another configuration's: its own data folder was never there.
    const other = join(server.folder, 'other.yaml');
    writeFileSync(
      other,
      JSON.stringify({ data: join(server.folder, 'never'), backend: { run: RUN_FOLDER } }),
    );
    const ask = async (...options: string[]) => {
      const { stdout, code } = await server.bulkhead([
        'gc',
        '--stopped',
        '--json',
        '--config',
        other,
        ...options,
      ]);
      const leftovers: { kind: string; name: string; failure?: string }[] = JSON.parse(stdout).leftovers;
      return { code, leftovers };
    };
    const shown = await ask();
    expect(shown.leftovers).toContainEqual(expect.objectContaining({ kind: 'run folder', name: root }));
    expect(shown.leftovers.map(({ kind }) => kind)).toEqual(
      expect.arrayContaining(['container', 'mount', 'loop device']),
    );
    expect(await processesWith(seconds)).not.toEqual([]);

    const removed = await ask('--yes');
    expect(removed.leftovers.filter(({ failure }) => failure !== undefined)).toEqual([]);
    expect(removed.code).toBe(0);
    expect(existsSync(root)).toBe(false);
    await until(async () => (await processesWith(seconds)).length === 0, { what: 'the end of what ran' });
    expect(execFileSync('losetup', ['--list', '--raw'], { encoding: 'utf8' })).not.toContain(gone.folder);
    expect((await ask()).leftovers).toEqual([]);
    // The one that runs is as it was.
    expect(await processesWith(kept)).not.toEqual([]);
    expect((await server.request('/healthz')).ok).toBe(true);
  } finally {
    await server.stop();
    await gone.leave('SIGKILL');
  }
}, 180_000);

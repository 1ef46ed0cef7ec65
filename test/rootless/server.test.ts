/** A server that a user without root starts, on its subordinate ids. */
import { execFile } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { chmod, chown, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runFolders } from '../../src/warden/run-folders.ts';
import { subordinateIds } from '../../src/warden/rootless/subordinate-ids.ts';
import { processesWith, tracesOfServer } from '../e2e/traces.ts';
import { startServer, type TestServer } from '../fixtures/server.ts';
import { commandOf, type TestUser, testUser } from '../fixtures/test-user.ts';
import { exits, sh, told } from '../oci/tasks.ts';
import { until } from '../poll.ts';

const BULKHEAD = fileURLToPath(new URL('../../bin/bulkhead', import.meta.url));
const INSIDE = fileURLToPath(new URL('inside.ts', import.meta.url));
const UNENFORCED = 'cpu,devices,disk,id-range,memory';

const user: TestUser = testUser();
let first: number;

beforeAll(async () => {
  const [range] = subordinateIds(await readFile('/etc/subuid', 'utf8'), user);
  first = range?.first ?? 0;
});

/** As the user, without waiting for anything. */
async function command(...words: [string, ...string[]]): Promise<{ code: number; said: string }> {
  const [program, ...args] = commandOf(user, words);
  return await promisify(execFile)(program, args).then(
    ({ stdout, stderr }) => ({ code: 0, said: stdout + stderr }),
    (error: { code: number; stdout: string; stderr: string }) => ({
      code: error.code,
      said: error.stdout + error.stderr,
    }),
  );
}

describe('what the host does not enforce', () => {
  it('is no server’s before its site says so, in words that the refusal gives', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'bulkhead-test-'));
    await chown(folder, user.uid, user.gid);
    const config = join(folder, 'config.yaml');
    const port = randomInt(20_000, 60_000);
    await writeFile(config, `data: ${folder}/data\nserver:\n  port: ${port}\n`);
    const refused = await command(BULKHEAD, 'serve', '--config', config);
    expect(refused.code).toBe(7);
    const lines = /\n(policy:\n {2}may_be_unenforced: \[cpu, memory, disk\]\n)/.exec(refused.said)?.[1];
    expect(refused.said).toContain('does not enforce cpu, memory, disk for this server');
    expect(await tracesOfServer({ folder })).toEqual([]);
    await writeFile(config, `data: ${folder}/data\nserver:\n  port: ${port}\n${lines}`);
    const [program, ...args] = commandOf(user, [BULKHEAD, 'serve', '--config', config]);
    const server = execFile(program, args);
    await until(
      async () =>
        await fetch(`http://127.0.0.1:${port}/healthz`).then(
          ({ ok }) => ok,
          () => false,
        ),
      {
        what: 'the server to answer',
        timeoutMs: 30_000,
      },
    );
    server.kill('SIGTERM');
    await until(async () => (await tracesOfServer({ folder })).length === 0, { what: 'its end' });
    await rm(folder, { recursive: true });
  });

  it('is refused by name where the site demands all of it', async () => {
    const server = await startServer(
      { policy: { require_enforced: true, may_be_unenforced: ['cpu', 'memory', 'disk'] } },
      user,
    );
    await expect(server.create({ executors: [sh(['true'])] })).rejects.toThrow(
      /does not enforce devices, id-range, .*policy\.require_enforced/,
    );
    await server.stop();
  });

  it('is told by doctor, with what to do', async () => {
    const { code, said } = await command(BULKHEAD, 'doctor', '--json');
    const { checks }: { checks: { id: string; status: string; remedy?: string }[] } = JSON.parse(said);
    expect(code).toBe(0);
    expect(Object.fromEntries(checks.map(({ id, status }) => [id, status]))).toMatchObject({
      root: 'warn',
      cpu: 'warn',
      memory: 'warn',
      disk: 'warn',
      devices: 'warn',
      'id-range': 'warn',
      pids: 'ok',
      sandbox: 'ok',
    });
    expect(checks.find(({ id }) => id === 'root')?.remedy).toContain(
      'policy.may_be_unenforced: [cpu, memory, disk]',
    );
  });
});

describe('a server', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer(
      { policy: { defaults: { cpu_cores: 0.25, ram_gb: 0.125, disk_gb: 0.0625, pids: 64 } } },
      user,
    );
  });
  afterAll(async () => {
    await server.stop();
    expect(await tracesOfServer(server)).toEqual([]);
  });

  it('reads and writes what is the user’s, and tells of each task what was not enforced', async () => {
    const input = join(server.files, 'in');
    await writeFile(input, 'of the user alone\n');
    await chown(input, user.uid, user.gid);
    await chmod(input, 0o600);
    const task = await server.run({
      inputs: [{ url: input, path: '/in/file' }],
      outputs: [{ url: join(server.files, 'out'), path: '/out/file' }],
      executors: [sh(['sh', '-c', 'cat /in/file > /out/file']), sh(['cat', '/out/file'])],
    });
    expect({ state: task.state, exits: exits(task) }).toEqual({ state: 'COMPLETE', exits: [0, 0] });
    expect(task.logs?.[0]?.logs[1]?.stdout).toBe('of the user alone\n');
    expect(task.logs?.[0]?.metadata).toMatchObject({
      sandbox_grade: 'observed',
      sandbox_unenforced: UNENFORCED,
    });
    expect(await stat(join(server.files, 'out'))).toMatchObject({ uid: user.uid, gid: user.gid });
  });

  it('is root nowhere: its own processes are the user’s, HTTP and tasks have subordinate ids of their own', async () => {
    const mark = String(randomInt(1e8, 1e9));
    const id = await server.create({ executors: [sh(['sleep', mark])] });
    await until(async () => (await processesWith(mark)).length > 0, { what: 'the task to run' });
    const [task = 0] = await processesWith(mark);
    const http = await httpProcess(server);
    expect(await idsOf(server.pid)).toEqual([user.uid, user.gid]);
    expect(await idsOf(task)).toEqual([first, first]);
    expect(await idsOf(http)).toEqual([first + 65_535, first + 65_535]);
    const all = await processesOfUser();
    const owners = await Promise.all(all.map(async (pid) => (await idsOf(pid))[0]));
    expect(owners.filter((uid) => uid !== user.uid && (uid < first || uid > first + 65_535))).toEqual([]);
    expect(all).toContain(task);
    await server.request(`/ga4gh/tes/v1/tasks/${id}:cancel`, { method: 'POST' });
    expect((await server.ended(id)).state).toBe('CANCELED');
  });

  it('may read the account that is added while it serves, and nobody else may', async () => {
    const folder = join(server.folder, 'data/auth');
    const added = await server.bulkhead(['user', 'add', 'ada'], { stdin: 'a long enough password\n' });
    expect(added).toMatchObject({ code: 0 });
    const [name = ''] = await readdir(folder);
    const found = await stat(join(folder, name));
    // Of the user, and readable for the group that the server is in.
    expect([found.uid, found.gid, found.mode & 0o777]).toEqual([user.uid, first + 65_535, 0o640]);
  });

  it('ends a task that is killed with its keeper as lost, and runs the next one', async () => {
    const mark = String(randomInt(1e8, 1e9));
    const id = await server.create({ executors: [sh(['sleep', mark])] });
    await until(async () => (await processesWith(mark)).length > 0, { what: 'the task to run' });
    const keeper = Number.parseInt(await readFile(join(server.folder, 'data/namespaces/keeper'), 'utf8'), 10);
    process.kill(keeper, 'SIGKILL');
    await until(async () => (await processesWith(mark)).length === 0, { what: 'the end of the task' });
    await server.leave('SIGKILL');
    await until(async () => (await tracesOfServer(server)).length === 0, {
      what: 'the end of all that ran there',
    });
    await server.serveAgain();
    const ended = await server.ended(id);
    expect(ended.state).toBe('SYSTEM_ERROR');
    expect(told(ended)).toContain('what ran is gone');
    expect((await server.run({ executors: [sh(['true'])] })).state).toBe('COMPLETE');
    await until(async () => (await readdir(join(server.folder, 'data/work/disks'))).length === 0, {
      what: 'the folders of tasks to be gone',
    });
  });
});

describe('where the host has no folder for mounts, and a file that is listed is the user’s alone', () => {
  it('tasks run, and what speaks HTTP reads a copy of the file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'bulkhead-test-'));
    await chmod(folder, 0o755);
    const secrets = join(folder, 'auth.json');
    await writeFile(secrets, '{"auths":{}}', { mode: 0o600 });
    await chown(secrets, user.uid, user.gid);
    const server = await startServer(
      { backend: { run: join(folder, 'missing') }, images: { auth_file: secrets } },
      user,
    );
    expect((await server.run({ executors: [sh(['true'])] })).state).toBe('COMPLETE');
    // Whoever cleans up /tmp by age leaves alone what is locked.
    const lock = ['--nonblock', '--exclusive', `/tmp/bulkhead-${user.uid}`, '/bin/true'];
    await expect(promisify(execFile)('/usr/bin/flock', lock)).rejects.toMatchObject({ code: 1 });
    const seen = `/proc/${await httpProcess(server)}/root${secrets}`;
    expect(await readFile(seen, 'utf8')).toBe('{"auths":{}}');
    const { uid, mode } = await stat(seen);
    expect([uid, mode & 0o777]).toEqual([first + 65_535, 0o400]);
    await server.stop();
    expect(await tracesOfServer(server)).toEqual([]);
    await promisify(execFile)('/usr/bin/flock', lock);
    await rm(folder, { recursive: true });
  });
});

describe('processes', () => {
  const COUNT = 'n=0; while [ $n -lt 400 ]; do sleep 20 & n=$((n+1)); done; echo all; kill -9 -1';

  it('are limited for each task, and its neighbour has all of its own', async () => {
    const server = await startServer(
      { policy: { defaults: { cpu_cores: 0.25, ram_gb: 0.125, disk_gb: 0.0625, pids: 100 } } },
      user,
    );
    const [bomb, neighbour] = await Promise.all([
      server.run({ executors: [sh(['sh', '-c', COUNT])] }),
      server.run({
        executors: [
          sh(['sh', '-c', 'n=0; while [ $n -lt 60 ]; do sleep 1 & n=$((n+1)); done; wait; echo all']),
        ],
      }),
    ]);
    expect(bomb.logs?.[0]?.logs[0]?.stdout ?? '').not.toContain('all');
    expect(bomb.logs?.[0]?.logs[0]?.stderr).toContain("can't fork");
    expect(neighbour.logs?.[0]?.logs[0]?.stdout).toBe('all\n');
    await server.stop();
    expect(await tracesOfServer(server)).toEqual([]);
  });

  it('are not without the limit (control)', async () => {
    const server = await startServer(
      { policy: { defaults: { cpu_cores: 0.25, ram_gb: 0.125, disk_gb: 0.0625, pids: 1000 } } },
      user,
    );
    const task = await server.run({ executors: [sh(['sh', '-c', COUNT])] });
    expect(task.logs?.[0]?.logs[0]?.stdout).toContain('all');
    await server.stop();
  });
});

describe('an id of a task', () => {
  it('opens nothing of the user’s, as root of the namespace does (control)', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'bulkhead-test-'));
    await chmod(folder, 0o755);
    const file = join(folder, 'file');
    await writeFile(file, 'a secret of the user\n', { mode: 0o600 });
    await chown(file, user.uid, user.gid);
    const asTask = ['/usr/bin/setpriv', '--reuid=1', '--regid=1', '--clear-groups', '/bin/cat', file];
    expect(await command(process.execPath, INSIDE, ...asTask)).toMatchObject({ code: 1 });
    expect((await command(process.execPath, INSIDE, '/bin/cat', file)).said).toBe('a secret of the user\n');
    await rm(folder, { recursive: true });
  });
});

async function idsOf(pid: number): Promise<[number, number]> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const id = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+\\d+\\s+(\\d+)`, 'm').exec(status)?.[1]);
  return [id('Uid'), id('Gid')];
}

/** In the user's namespaces, or in those of containers below them. */
async function processesOfUser(): Promise<number[]> {
  const all = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const maps = await Promise.all(all.map((pid) => readFile(`/proc/${pid}/uid_map`, 'utf8').catch(() => '')));
  return all.filter((_, at) => [user.uid, first].includes(Number(maps[at]?.trim().split(/\s+/)[1])));
}

/** What speaks HTTP. */
async function httpProcess({ folder }: TestServer): Promise<number> {
  const { instance } = runFolders('/', join(folder, 'data'));
  for (const pid of await processesOfUser()) {
    const words = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0');
    if (words[0] !== '/usr/bin/perl' && words.some((word) => word.endsWith(`/${instance}/warden/socket`)))
      return pid;
  }
  throw new Error('no process speaks HTTP');
}

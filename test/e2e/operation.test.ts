/** What operators do with a real server: drain, backup and restore, health and metrics, a log that is rotated, leftovers. */
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { runFolders } from '../../src/warden/run-folders.ts';
import { startServer } from '../fixtures/server.ts';
import type { TestServer } from '../fixtures/server.ts';
import { until } from '../poll.ts';

const SLEEP = { executors: [{ image: 'busybox', command: ['sleep', '300'] }] };
const TRUE = { executors: [{ image: 'busybox', command: ['true'] }] };

let server: TestServer | undefined;

afterEach(async () => {
  await server?.stop();
  server = undefined;
}, 60_000);

async function inState(at: TestServer, id: string, state: string): Promise<void> {
  await until(async () => (await at.get(id)).state === state, {
    timeoutMs: 30_000,
    what: `${id} to be ${state}`,
  });
}

async function json(at: TestServer, path: string, init?: RequestInit) {
  const answer = await at.request(path, init);
  return { status: answer.status, body: JSON.parse(await answer.text()) };
}

test('a drained server starts nothing, lets what runs end, queues or refuses, and goes on once it is taken back', async () => {
  server = await startServer();
  const running = await server.create(SLEEP);
  await inState(server, running, 'RUNNING');
  const drained = await server.bulkhead(['drain', '--json']);
  expect(JSON.parse(drained.stdout)).toMatchObject({ draining: true, running: 1, takes_creates: true });
  const waiting = await server.create(TRUE);
  expect(await json(server, '/bulkhead/v1/health/ready')).toMatchObject({
    status: 200,
    body: { status: 'held', draining: true },
  });

  const refused = await server.bulkhead(['drain', '--refuse', '--json']);
  expect(JSON.parse(refused.stdout)).toMatchObject({ takes_creates: false });
  const answer = await server.request('/ga4gh/tes/v1/tasks', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(TRUE),
  });
  expect(answer.status).toBe(503);
  expect(answer.headers.get('retry-after')).toBe('60');
  expect(await answer.text()).toMatch(/drained/);
  expect(await json(server, '/bulkhead/v1/health/ready')).toMatchObject({
    status: 503,
    body: { status: 'failed' },
  });
  expect((await json(server, '/bulkhead/v1/health/live')).status).toBe(200);

  const waited = server.bulkhead(['drain', '--wait']);
  await server.request(`/ga4gh/tes/v1/tasks/${running}:cancel`, { method: 'POST' });
  expect(await waited).toMatchObject({ code: 0, stdout: expect.stringContaining('0 running') });
  expect((await server.get(running)).state).toBe('CANCELED');
  expect((await server.get(waiting)).state).toBe('QUEUED');
  expect((await server.bulkhead(['drain', '--undo'])).stdout).toContain('New tasks are started.');
  expect((await server.ended(waiting)).state).toBe('COMPLETE');
}, 120_000);

test('only operators drain, back up, clear away and read metrics; everybody may ask for health', async () => {
  const secret = 'correct horse battery staple';
  server = await startServer({ auth: { mode: 'basic', operators: ['ada'] } });
  for (const name of ['ada', 'bob'])
    expect((await server.bulkhead(['user', 'add', name], { stdin: `${secret}\n` })).code).toBe(0);
  const as = (user: string) => ({ BULKHEAD_USER: user, BULKHEAD_PASSWORD: secret });
  for (const args of [['drain'], ['gc'], ['gc', '--yes'], ['backup', join(server.folder, 'b')]]) {
    const { code, stderr } = await server.bulkhead(args, { env: as('bob') });
    expect({ code, stderr }, args.join(' ')).toEqual({
      code: 4,
      stderr: expect.stringMatching(/no operator/),
    });
  }
  expect((await server.request('/bulkhead/v1/metrics')).status).toBe(401);
  expect((await server.request('/bulkhead/v1/health/ready')).status).toBe(200);
  expect((await server.bulkhead(['drain', '--status'], { env: as('ada') })).code).toBe(0);
  expect((await server.bulkhead(['backup', join(server.folder, 'b')], { env: as('ada') })).code).toBe(0);
}, 120_000);

test('a backup under load has every task that was acknowledged before; restored, what ran then comes to an end, and nothing of another task goes to it', async () => {
  // One place to run in, so that the next task gets the disk of the one before.
  server = await startServer({ backend: { slots: 1 } });
  const at = server;
  const output = join(at.files, 'output');
  const early = await at.create({
    executors: [{ image: 'busybox', command: ['sh', '-c', 'echo early > /out/x; sleep 25'] }],
    volumes: ['/out'],
    outputs: [{ url: `file://${output}`, path: '/out/x', type: 'FILE' }],
  });
  await inState(at, early, 'RUNNING');
  const later = await at.create(TRUE);
  const acknowledged: string[] = [];
  const over = new AbortController();
  const load = (async () => {
    while (!over.signal.aborted) acknowledged.push(await at.create(SLEEP));
  })();
  await until(() => acknowledged.length > 50, { what: 'some tasks' });
  const before = [...acknowledged];
  const file = join(at.folder, 'backup.sqlite');
  const backup = await at.bulkhead(['backup', file, '--json']);
  over.abort();
  await load;
  expect(backup).toMatchObject({ code: 0 });
  expect(JSON.parse(backup.stdout).tasks).toBeGreaterThan(before.length);
  expect(statSync(file).mode & 0o777).toBe(0o600);

  const running = await at.bulkhead(['restore', file, '--force']);
  expect(running).toMatchObject({ code: 7, stderr: expect.stringMatching(/in use by another server/) });

  // The attempt ends, and another task gets its place and its disk; one that waits in the backup runs, and ends.
  for (const id of acknowledged) await at.request(`/ga4gh/tes/v1/tasks/${id}:cancel`, { method: 'POST' });
  expect((await at.ended(early)).state).toBe('COMPLETE');
  expect((await at.ended(later)).state).toBe('COMPLETE');
  rmSync(output);
  const other = await at.create({
    executors: [{ image: 'busybox', command: ['sh', '-c', 'echo secret > /out/x; sleep 300'] }],
    volumes: ['/out'],
  });
  await inState(at, other, 'RUNNING');
  await at.leave('SIGTERM');
  expect((await at.bulkhead(['restore', file])).stderr).toMatch(/--force/);
  const restored = await at.bulkhead(['restore', file, '--force', '--json']);
  expect(restored).toMatchObject({ code: 0 });
  expect(existsSync(JSON.parse(restored.stdout).keptAside)).toBe(true);
  await at.serveAgain();
  for (const id of before) expect((await at.get(id)).id).toBe(id);
  expect((await at.request(`/ga4gh/tes/v1/tasks/${other}`)).status).toBe(404);
  // The backup knows nothing of its end, and its place is another's by now: its outputs are gone, and nobody else's.
  expect((await at.ended(early)).state).toBe('SYSTEM_ERROR');
  if (existsSync(output)) expect(readFileSync(output, 'utf8')).toBe('early\n');
  // What waited when the backup was made runs again, from the beginning.
  const again = await at.ended(later);
  expect(again.state, JSON.stringify(again.logs)).toBe('COMPLETE');
  for (const id of before) await at.request(`/ga4gh/tes/v1/tasks/${id}:cancel`, { method: 'POST' });
}, 240_000);

test('metrics tell of tasks, phases and the machine, and of nobody in particular', async () => {
  server = await startServer();
  await server.run({ name: 'private-name', tags: { patient: 'x123' }, ...TRUE });
  const at = server;
  let text = '';
  // The last phase is off the way to COMPLETE.
  await until(
    async () => {
      const answer = await at.request('/bulkhead/v1/metrics');
      expect(answer.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
      text = await answer.text();
      return text.includes('phase="release"');
    },
    { what: 'the release of what the task had' },
  );
  const value = (series: string): number =>
    Number(
      text
        .split('\n')
        .find((line) => line.startsWith(`${series} `))
        ?.split(' ')
        .at(-1),
    );
  expect(value('bulkhead_tasks{state="COMPLETE"}')).toBe(1);
  for (const state of ['QUEUED', 'INITIALIZING', 'RUNNING', 'COMPLETE'])
    expect(value(`bulkhead_task_transitions_total{state="${state}"}`), state).toBe(1);
  for (const phase of ['prepare', 'stage_in', 'start', 'run', 'stage_out', 'release'])
    expect(value(`bulkhead_attempt_phase_seconds_count{phase="${phase}"}`), phase).toBe(1);
  expect(value('bulkhead_store_seconds_count{operation="create"}')).toBe(1);
  for (const name of [
    'open_files',
    'resident_memory_bytes',
    'data_disk_free_bytes',
    'memory_available_bytes',
    'image_store_bytes',
  ])
    expect(value(`bulkhead_${name}`), name).toBeGreaterThan(0);
  for (const word of ['private-name', 'x123', 'patient', 'busybox', 'anonymous'])
    expect(text).not.toContain(word);
}, 120_000);

test('a log that was moved away is gone on with in a new file at SIGHUP', async () => {
  server = await startServer((folder) => ({ log: { file: join(folder, 'rotated.log') } }));
  const path = join(server.folder, 'rotated.log');
  expect(readFileSync(path, 'utf8')).toContain('serving TES');
  renameSync(path, `${path}.1`);
  process.kill(server.pid, 'SIGHUP');
  await until(() => existsSync(path), { what: 'a new log file' });
  await server.bulkhead(['drain']);
  await until(() => readFileSync(path, 'utf8').includes('draining'), { what: 'a line in it' });
}, 60_000);

test('what no task owns is shown, then removed, and what runs goes on', async () => {
  server = await startServer();
  const at = server;
  const running = await at.create(SLEEP);
  await inState(at, running, 'RUNNING');
  const folder = join(at.folder, 'data/work/attempts/gone-1');
  mkdirSync(folder, { recursive: true });
  const disk = join(at.folder, 'data/work/disks/77.img');
  writeFileSync(disk, 'x');
  const run = runFolders('/run/bulkhead', realpathSync(join(at.folder, 'data')));
  const mount = join(run.disks, '77');
  const cgroup = join(pidsHierarchy(), `bulkhead-${run.instance}`, 'gone-1-0');
  execFileSync('truncate', ['-s', '8MiB', disk]);
  execFileSync('mke2fs', ['-q', '-F', '-t', 'ext4', disk]);
  const loop = execFileSync('losetup', ['--find', '--show', disk], { encoding: 'utf8' }).trim();
  mkdirSync(mount);
  execFileSync('mount', [loop, mount]);
  mkdirSync(cgroup);
  const shown = await at.bulkhead(['gc', '--json']);
  const planted = [folder, disk, loop, mount, cgroup];
  expect(names(shown.stdout)).toEqual(expect.arrayContaining(planted));
  expect(shown.stdout).not.toContain(running);
  expect([folder, disk, mount, cgroup].map((path) => existsSync(path))).toEqual([true, true, true, true]);

  const removed = await at.bulkhead(['gc', '--yes', '--json']);
  expect(removed).toMatchObject({ code: 0 });
  expect(removed.stdout).not.toContain('failure');
  expect(names(removed.stdout)).toEqual(expect.arrayContaining(planted));
  expect([folder, disk, mount, cgroup].map((path) => existsSync(path))).toEqual([false, false, false, false]);
  expect(execFileSync('losetup', ['--list', '--raw'], { encoding: 'utf8' })).not.toContain(disk);
  expect(JSON.parse((await at.bulkhead(['gc', '--json'])).stdout)).toEqual({ leftovers: [] });
  expect((await at.get(running)).state).toBe('RUNNING');
  // New tasks are started as before.
  expect((await at.run(TRUE)).state).toBe('COMPLETE');
}, 120_000);

function names(text: string): string[] {
  return JSON.parse(text).leftovers.map(({ name }: { name: string }) => name);
}

/** Where control groups are made: the whole tree with version 2, one of its hierarchies with version 1. */
function pidsHierarchy(): string {
  return existsSync('/sys/fs/cgroup/cgroup.controllers') ? '/sys/fs/cgroup' : '/sys/fs/cgroup/pids';
}

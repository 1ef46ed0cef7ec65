/** What the backend finds again of an attempt, and what it calls lost, on real containers. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Attempt, Backend, Handle } from '../../src/backends/backend.ts';
import { ociHandle } from '../../src/backends/oci/handle.ts';
import { cgroupFolders, cgroupVersion } from '../../src/warden/cgroups.ts';
import { cgroupParent } from '../../src/warden/delegation.ts';
import { runFolders } from '../../src/warden/run-folders.ts';
import { attemptOf, prepared, PROGRAMS } from '../contract/backend-samples.ts';
import { runJob } from './run.ts';
import { until } from '../poll.ts';
import { openInstance, RUN_FOLDER, type Instance } from './instance.ts';

let instance: Instance;

beforeAll(async () => {
  instance = await openInstance();
});
afterAll(async () => {
  expect(await instance.close()).toEqual([]);
});

async function withAttempt(
  program: keyof typeof PROGRAMS,
  use: (handle: Handle, attempt: Attempt) => Promise<void>,
): Promise<void> {
  const attempt = attemptOf('busybox:latest', [PROGRAMS[program]], { volumes: ['/shared'] });
  const handle = await prepared(instance.backend, attempt);
  try {
    await use(handle, attempt);
  } finally {
    await instance.backend.kill(handle, 'system-error');
    await instance.backend.release(handle);
  }
}

const exitsFile = (handle: Handle, name: string): string =>
  join(runFolders(RUN_FOLDER, instance.folder).exits, `${ociHandle(handle).id}-0${name}`);
const gate = (handle: Handle): string =>
  join(runFolders(RUN_FOLDER, instance.folder).runtime, `${ociHandle(handle).id}-0`, 'exec.fifo');

test.each(['runOn', 'failWith3'] as const)(
  'a server killed between letting a container go (%s) and removing its gate has started it, once',
  async (program) => {
    await withAttempt(program, async (handle, attempt) => {
      await instance.backend.start(handle, attempt, 0);
      const pid = await processOf(handle);
      if (program === 'failWith3')
        await until(() => existsSync(exitsFile(handle, '')), { what: 'the exit code' });
      // As it is when the process dies right after it read the byte.
      await promisify(execFile)('/usr/bin/mkfifo', [gate(handle)]);
      const next: Backend = await instance.reopen();
      expect(await next.started(handle, 0)).toBeDefined();
      await next.start(handle, attempt, 0);
      expect(await processOf(handle)).toBe(pid);
      if (program === 'runOn') await next.kill(handle, 'canceled');
      expect((await next.wait(handle, attempt, 0)).exitCode).toBe(program === 'runOn' ? 137 : 3);
    });
  },
);

test('a server killed before it let a container go has started nothing, and the next one starts it', async () => {
  let isKilled = true;
  const other = await openInstance((warden) => ({
    ...warden,
    start: async (container) => (isKilled ? undefined : await warden.start(container)),
  }));
  const attempt = attemptOf('busybox:latest', [PROGRAMS.failWith3], {});
  const handle = await prepared(other.backend, attempt);
  await other.backend.start(handle, attempt, 0);
  isKilled = false;
  const next = await other.reopen();
  expect(await next.started(handle, 0)).toBeUndefined();
  await expect(next.wait(handle, attempt, 0)).rejects.toMatchObject({ code: 'not-found' });
  await next.start(handle, attempt, 0);
  expect((await next.wait(handle, attempt, 0)).exitCode).toBe(3);
  await next.release(handle);
  expect(await other.close()).toEqual([]);
});

test('a container whose output nobody stores any more is lost', async () => {
  await withAttempt('speakAndRunOn', async (handle, attempt) => {
    await instance.backend.start(handle, attempt, 0);
    const waiting = instance.backend.wait(handle, attempt, 0);
    waiting.catch(() => {});
    process.kill(Number((await readFile(exitsFile(handle, '.done'), 'utf8')).split(' ')[0]), 'SIGKILL');
    await expect(waiting).rejects.toMatchObject({
      code: 'attempt-lost',
      message: expect.stringContaining('output is lost'),
    });
  });
});

test('what was started before the host was, by its boot id, is lost in every step that would go on with it', async () => {
  await withAttempt('runOn', async (handle, attempt) => {
    await instance.backend.start(handle, attempt, 0);
    const next = await instance.reopen();
    const old: Handle = { ...handle, boot: 'another' };
    const signal = new AbortController().signal;
    const lost = { code: 'attempt-lost', message: expect.stringContaining('the host was restarted') };
    expect(await next.started(old, 0)).toBeDefined();
    await expect(next.wait(old, attempt, 0)).rejects.toMatchObject(lost);
    await expect(next.start(old, attempt, 0)).rejects.toMatchObject(lost);
    await expect(next.stageIn(old, attempt, signal)).rejects.toMatchObject(lost);
    await expect(next.stageOut(old, attempt, signal)).rejects.toMatchObject(lost);
    expect(await next.started(handle, 0)).toBeDefined();
  });
});

test('what is killed at its gate was never started, also for the next server, and never is', async () => {
  await withAttempt('runOn', async (handle) => {
    const executor = { attempt: ociHandle(handle).id, index: 0 };
    await instance.warden.create(executor);
    expect(await instance.warden.awaitsStart(executor)).toBe(true);
    await instance.warden.kill(executor);
    await until(() => isGone(handle), { what: 'the end of the container' });
    await instance.reopen();
    expect(await instance.warden.awaitsStart(executor)).toBe(true);
    await expect(instance.warden.start(executor)).rejects.toMatchObject({ code: 'warden' });
  });
});

test('what is removed at its gate was never started, also for a server that is killed before it made another', async () => {
  let isKilled = true;
  const other = await openInstance((warden) => ({
    ...warden,
    start: async (executor) => (isKilled ? undefined : await warden.start(executor)),
  }));
  const attempt = attemptOf('busybox:latest', [PROGRAMS.failWith3], {});
  const handle = await prepared(other.backend, attempt);
  await other.backend.start(handle, attempt, 0);
  await other.warden.remove({ attempt: ociHandle(handle).id, index: 0 });
  isKilled = false;
  const next = await other.reopen();
  expect(await next.started(handle, 0)).toBeUndefined();
  await next.start(handle, attempt, 0);
  expect((await next.wait(handle, attempt, 0)).exitCode).toBe(3);
  expect(await next.started(handle, 0)).toBeDefined();
  await next.release(handle);
  expect(await other.close()).toEqual([]);
});

test('a container that is ended is removed when nobody can write its exit code any more', async () => {
  await withAttempt('runOn', async (handle) => {
    const executor = { attempt: ociHandle(handle).id, index: 0 };
    await instance.warden.create(executor);
    const conmon = Number(
      await readFile(join(instance.folder, 'logs', executor.attempt, '0', 'conmon.pid'), 'utf8'),
    );
    process.kill(conmon, 'SIGSTOP');
    let isRemoved = false;
    const removal = instance.warden.remove(executor).then(() => (isRemoved = true));
    try {
      await until(() => isGone(handle), { what: 'the end of the container' });
      await until(() => !existsSync(gate(handle)), { what: 'the runtime to forget it' });
      expect(isRemoved).toBe(false);
    } finally {
      process.kill(conmon, 'SIGCONT');
    }
    await removal;
    expect(existsSync(exitsFile(handle, ''))).toBe(false);
  });
});

test('what a runtime left behind that was killed before it wrote about it is ended, and removed', async () => {
  await withAttempt('runOn', async (handle) => {
    const executor = { attempt: ociHandle(handle).id, index: 0 };
    await instance.warden.create(executor);
    for (const name of ['state.json', 'status']) await rm(join(dirname(gate(handle)), name), { force: true });
    await instance.warden.remove(executor);
    expect(await isGone(handle)).toBe(true);
    const { instance: name } = runFolders(RUN_FOLDER, instance.folder);
    const parent = `${cgroupParent(name)}/${executor.attempt}-0`;
    expect(cgroupFolders(cgroupVersion(), parent)).toEqual([]);
  });
});

test('a sweep takes what a removal that was cut short has left, and is told of it', async () => {
  const run = runFolders(RUN_FOLDER, instance.folder);
  const name = 'a-task-that-ended-1-0';
  const left = [join(run.exits, name), join(run.exits, `${name}.done`), join(run.roots, name)];
  await Promise.all(left.map((path, at) => (at < 2 ? writeFile(path, '0') : mkdir(path))));
  await withAttempt('runOn', async (handle, attempt) => {
    await instance.backend.start(handle, attempt, 0);
    await instance.backend.sweep([handle]);
    expect(left.filter((path) => existsSync(path))).toEqual([]);
    expect(existsSync(exitsFile(handle, '.done'))).toBe(true);
    expect(await isGone(handle)).toBe(false);
  });
});

test('a sweep while tasks come and go takes nothing that the next one needs', async () => {
  await runJob(instance, { image: 'busybox:latest', command: ['true'] });
  await instance.backend.sweep([]);
  const after = await runJob(instance, { image: 'busybox:latest', command: ['echo', 'still here'] });
  expect(after.stdout).toBe('still here\n');
});

/** Its first process is a zombie at most. */
async function isGone(handle: Handle): Promise<boolean> {
  const stat = await readFile(`/proc/${(await processOf(handle)).trim()}/stat`, 'utf8').catch(() => ') Z');
  return stat.slice(stat.lastIndexOf(')')).startsWith(') Z');
}

async function processOf(handle: Handle): Promise<string> {
  return await readFile(join(instance.folder, 'logs', ociHandle(handle).id, '0', 'pid'), 'utf8');
}

/**
 * A host that is restarted while tasks run: every process of the instance is killed, and its run-time state is removed, as
 * /run and all mounts are gone after a restart. Database and data folder stay.
 */
import { randomInt } from 'node:crypto';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import type { TesExecutor } from '../../src/tes/task.ts';
import { startServer, type TestServer } from '../fixtures/server.ts';
import { until } from '../poll.ts';
import { statesOf } from './follow.ts';
import { loseHost } from './lost-host.ts';
import { processesWith, tracesOfServer, tracesOfTask } from './traces.ts';

let server: TestServer;

afterEach(async () => {
  await server.stop();
  expect(await tracesOfServer(server)).toEqual([]);
});

const LIGHT = { cpu_cores: 0.25 };
const shell = (script: string): TesExecutor => ({ image: 'busybox:latest', command: ['sh', '-c', script] });

/** Runs for so long, after it said so in a file of its own. */
async function runningTask(seconds: string, name: string): Promise<string> {
  const id = await server.create({
    resources: LIGHT,
    volumes: ['/o'],
    executors: [shell('echo first >> /o/began'), shell(`echo second >> /o/began; exec sleep ${seconds}`)],
    outputs: [{ url: join(server.files, name), path: '/o/began' }],
  });
  await until(async () => (await processesWith(seconds)).length > 0, { what: 'the second executor to run' });
  await until(async () => (await server.get(id)).logs?.[0]?.logs.length === 1, {
    what: 'the end of the first to be on record',
  });
  return id;
}

async function restartHost(): Promise<void> {
  await server.leave('SIGKILL');
  await loseHost(server);
  await server.serveAgain();
}

it('what ran ends SYSTEM_ERROR, what waited runs, what had ended is as it was, and nothing is left', async () => {
  server = await startServer();
  const before = await server.run({ resources: LIGHT, executors: [shell('echo before')] });
  const seconds = String(randomInt(1e8, 1e9));
  const ran = await runningTask(seconds, 'ran');
  // As large as the machine, so that it waits.
  const waited = await server.create({ resources: { cpu_cores: 2 }, executors: [shell('echo waited')] });
  await restartHost();

  const lost = await server.ended(ran);
  expect(lost.state).toBe('SYSTEM_ERROR');
  expect(lost.logs).toHaveLength(1);
  expect(lost.logs?.[0]?.logs).toMatchObject([{ exit_code: 0 }]);
  expect(lost.logs?.[0]?.end_time).toBeDefined();
  expect(lost.logs?.[0]?.system_logs?.join('\n')).toMatch(/the host was restarted[^]*limits\.attempts/);
  expect(await statesOf(server, ran)).toEqual(['QUEUED', 'INITIALIZING', 'RUNNING', 'SYSTEM_ERROR']);
  expect(await processesWith(seconds)).toEqual([]);
  expect(await server.ended(waited)).toMatchObject({
    state: 'COMPLETE',
    logs: [{ logs: [{ stdout: 'waited\n' }] }],
  });
  expect(await server.get(before.id)).toEqual(before);
  expect(await tracesOfTask(ran)).toEqual([]);
  // Its disk is the next task's place, or removed.
  expect(await server.run({ resources: LIGHT, executors: [shell('echo after')] })).toMatchObject({
    state: 'COMPLETE',
  });
});

it('where the site allows it, what ran is begun anew in another attempt, from its first executor', async () => {
  server = await startServer({ limits: { attempts: 2 } });
  const seconds = String(randomInt(1e8, 1e9));
  const id = await runningTask(seconds, 'again');
  await restartHost();
  await until(async () => (await processesWith(seconds)).length > 0, {
    timeoutMs: 30_000,
    what: 'the second attempt to run',
  });
  for (const pid of await processesWith(seconds)) process.kill(pid, 'SIGTERM');
  const task = await server.ended(id);
  expect(task).toMatchObject({
    state: 'EXECUTOR_ERROR',
    logs: [{ logs: [{ exit_code: 0 }] }, { logs: [{ exit_code: 0 }, { exit_code: 143 }] }],
  });
  expect(task.logs).toHaveLength(2);
  expect(task.logs?.[0]?.system_logs?.join('\n')).toContain('tried again (attempt 1 of 2)');
  expect(await readFile(join(server.files, 'again'), 'utf8')).toBe('first\nsecond\n');
  expect(await statesOf(server, id)).toEqual([
    'QUEUED',
    'INITIALIZING',
    'RUNNING',
    'QUEUED',
    'INITIALIZING',
    'RUNNING',
    'EXECUTOR_ERROR',
  ]);

  // A second restart of the host, of a task that has had both.
  const other = String(randomInt(1e8, 1e9));
  const twice = await runningTask(other, 'twice');
  for (let round = 0; round < 2; round += 1) {
    await until(async () => (await processesWith(other)).length > 0, {
      timeoutMs: 30_000,
      what: 'an attempt to run',
    });
    await restartHost();
  }
  const given = await server.ended(twice);
  expect(given.state).toBe('SYSTEM_ERROR');
  expect(given.logs).toHaveLength(2);
});

it('no disk of an attempt that is lost stays on the host', async () => {
  server = await startServer({ backend: { disk_pool: 0 } });
  const id = await runningTask(String(randomInt(1e8, 1e9)), 'disk');
  await restartHost();
  await server.ended(id);
  const disks = join(server.folder, 'data', 'work', 'disks');
  await until(async () => (await readdir(disks)).length === 0, { what: 'the disk to be removed' });
  await rm(join(server.files, 'disk'), { force: true });
});

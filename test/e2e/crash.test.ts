import { randomInt } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startServer, type TestServer } from '../fixtures/server.ts';
import { until } from '../poll.ts';
import { processesWith, tracesOfServer, tracesOfTask } from './traces.ts';

const TASKS = 24;
const KILLS = 4;

let server: TestServer;

beforeAll(async () => {
  server = await startServer();
});
afterAll(async () => {
  await server.stop();
  expect(await tracesOfServer(server)).toEqual([]);
});

it('a server that is killed at any moment, again and again, loses no task and runs no executor twice', async () => {
  const delays = Array.from({ length: KILLS }, () => randomInt(0, 1200));
  const ids: string[] = [];
  for (let at = 0; at < TASKS; at += 1) {
    ids.push(
      await server.create({
        resources: { cpu_cores: 0.5 },
        volumes: ['/v'],
        inputs: [{ path: '/v/name', content: `task ${at}\n` }],
        executors: ['first', 'second', 'third'].map((name) => ({
          image: 'busybox:latest',
          command: ['sh', '-c', `echo ${name} >> /v/began; sleep 0.1; cat /v/began; exit 3`],
          ignore_error: true,
        })),
        outputs: [{ url: join(server.files, `${at}`), path: '/v', type: 'DIRECTORY' }],
      }),
    );
  }
  // When the server dies is the point of this test, so it is time that is waited for.
  for (const delay of delays) {
    await sleep(delay);
    await server.leave('SIGKILL');
    await server.serveAgain();
  }

  const wrong: unknown[] = [];
  for (const [at, id] of ids.entries()) {
    const task = await server.ended(id, 120_000);
    const last = task.logs?.at(-1);
    const found = {
      state: task.state,
      out: last?.logs.map(({ stdout, exit_code: code }) => `${stdout?.replaceAll('\n', ' ')}${code}`),
      began: await readFile(join(server.files, `${at}/began`), 'utf8').catch(() => ''),
      name: await readFile(join(server.files, `${at}/name`), 'utf8').catch(() => ''),
    };
    const expected = {
      state: 'COMPLETE',
      out: ['first 3', 'first second 3', 'first second third 3'],
      began: 'first\nsecond\nthird\n',
      name: `task ${at}\n`,
    };
    try {
      expect(found).toEqual(expected);
    } catch {
      wrong.push({ id, found, logs: task.logs });
    }
  }
  expect({ delays, wrong }).toEqual({ delays, wrong: [] });
}, 180_000);

it('a server whose hand is killed ends with a word, and the next one takes up what it had', async () => {
  const ids: string[] = [];
  for (let at = 0; at < 6; at += 1)
    ids.push(
      await server.create({
        resources: { cpu_cores: 0.5 },
        executors: [{ image: 'busybox:latest', command: ['sh', '-c', `sleep 0.5; echo ${at}`] }],
      }),
    );
  await until(async () => (await server.get(ids[0] ?? '')).state === 'RUNNING', { what: 'a task to run' });
  const warden = server.pid;
  const children = (await readFile(`/proc/${warden}/task/${warden}/children`, 'utf8')).trim().split(' ');
  for (const pid of children) {
    if ((await readFile(`/proc/${pid}/cmdline`, 'utf8')).includes('hand.pl'))
      process.kill(Number(pid), 'SIGKILL');
  }
  await until(async () => (await processesWith(server.configFile)).length === 0, {
    what: 'the server to end',
  });
  expect(await server.log()).toContain("the warden's helper ended (SIGKILL)");
  await server.serveAgain();
  for (const [at, id] of ids.entries()) {
    const task = await server.ended(id);
    expect(task).toMatchObject({ state: 'COMPLETE' });
    expect(task.logs?.at(-1)?.logs).toMatchObject([{ exit_code: 0, stdout: `${at}\n` }]);
  }
});

it('of an executor that is killed while it is created, nothing stays on a server that goes on', async () => {
  for (let round = 0; round < 6; round += 1) {
    const id = await server.create({
      resources: { cpu_cores: 0.5 },
      executors: [{ image: 'busybox:latest', command: ['true'] }],
    });
    let makers: number[] = [];
    await until(async () => (makers = await processesWith(`${id}-1-0`)).length > 0, {
      what: 'the executor to be made',
    });
    // Not all at the same moment of it.
    await sleep(round * 4);
    for (const pid of new Set([...makers, ...(await processesWith(`${id}-1-0`))])) kill(pid);
    const task = await server.ended(id);
    if (task.state !== 'COMPLETE')
      expect(task).toMatchObject({ state: 'SYSTEM_ERROR', logs: [{ logs: [] }] });
    await until(async () => (await tracesOfTask(id)).length === 0, { what: 'nothing of it to be left' });
  }
});

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It was done.
  }
}

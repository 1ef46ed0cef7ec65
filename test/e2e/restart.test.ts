import { randomInt } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TesExecutor } from '../../src/tes/task.ts';
import { startServer, type TestServer } from '../fixtures/server.ts';
import { until } from '../poll.ts';
import { statesOf } from './follow.ts';
import { processesWith, tracesOfServer, tracesOfTask } from './traces.ts';
import { startWeb, type Web } from './web.ts';

/** A server that ends while its tasks run, in order and by kill -9, and serves again on the same folder. */
let web: Web;
let server: TestServer;

beforeAll(async () => {
  web = await startWeb();
});
afterAll(async () => {
  await web[Symbol.asyncDispose]();
});
const LIGHT = { cpu_cores: 0.25 };
const shell = (script: string, more: Partial<TesExecutor> = {}): TesExecutor => ({
  image: 'busybox:latest',
  command: ['sh', '-c', script],
  ...more,
});
/** The one that sleeps for so many seconds, once it is there: a test that ends it need not wait. */
async function processOf(seconds: string): Promise<number> {
  let found: number[] = [];
  await until(async () => (found = await processesWith(seconds)).length > 0, { what: 'the task to run' });
  return found[0] ?? 0;
}

const WAYS = ['SIGTERM', 'SIGKILL'] as const;

describe.each(WAYS)('after %s and another start', (signal) => {
  beforeAll(async () => {
    server = await startServer({ storage: { http: { allow_private: [web.host] } } });
  });
  afterAll(async () => {
    await server.stop();
    expect(await tracesOfServer(server)).toEqual([]);
  });

  it('what ran meanwhile is told as it was, and what goes on is followed to its end, once', async () => {
    // Each writes once that it began: had it been started again, there would be two lines.
    const began = 'echo began; cat /proc/sys/kernel/random/uuid >> /o/began';
    const naps = [randomInt(1e8, 1e9), randomInt(1e8, 1e9)].map(String);
    const [short = '', long = ''] = await Promise.all(
      naps.map((seconds, index) =>
        server.create({
          resources: LIGHT,
          volumes: ['/o'],
          executors: [
            shell(`${began}; sleep ${seconds}; exit 7`, { ignore_error: true }),
            shell('wc -l < /o/began; echo second >> /o/began; exit 3'),
          ],
          outputs: [{ url: join(server.files, `began-${index}`), path: '/o/began' }],
        }),
      ),
    );
    const [first, second] = await Promise.all(naps.map(processOf));

    await server.leave(signal);
    process.kill(first ?? 0);
    await until(async () => (await tracesOfTask(short)).every((trace) => !trace.startsWith('process')), {
      what: 'the short task to end without a server',
    });
    await server.serveAgain();
    expect((await server.get(long)).state).toBe('RUNNING');
    expect(await processOf(naps[1] ?? '')).toBe(second);
    process.kill(second ?? 0);

    for (const [index, id] of [short, long].entries()) {
      const task = await server.ended(id);
      expect(task).toMatchObject({
        state: 'EXECUTOR_ERROR',
        logs: [
          {
            logs: [
              { exit_code: 7, stdout: 'began\n' },
              { exit_code: 3, stdout: '1\n' },
            ],
            outputs: [{ path: '/o/began' }],
          },
        ],
      });
      expect(task.logs).toHaveLength(1);
      expect(await readFile(join(server.files, `began-${index}`), 'utf8')).toMatch(
        /^[0-9a-f-]{36}\nsecond\n$/,
      );
      expect(await statesOf(server, id)).toEqual(['QUEUED', 'INITIALIZING', 'RUNNING', 'EXECUTOR_ERROR']);
    }
  });

  it('a task that runs can be canceled, and nothing of it is left', async () => {
    const seconds = String(randomInt(1e8, 1e9));
    const id = await server.create({
      resources: LIGHT,
      executors: [shell(`echo on; exec sleep ${seconds}`)],
    });
    await until(async () => (await processesWith(seconds)).length > 0, { what: 'the task to run' });
    await server.leave(signal);
    await server.serveAgain();

    expect((await server.get(id)).state).toBe('RUNNING');
    await server.request(`/ga4gh/tes/v1/tasks/${id}:cancel`, { method: 'POST' });
    const task = await server.ended(id);
    expect(task.state).toBe('CANCELED');
    expect(await processesWith(seconds)).toEqual([]);
    expect(await tracesOfTask(id)).toEqual([]);
    expect(task.logs?.[0]?.logs).toMatchObject([{ stdout: 'on\n' }]);
  });

  it('a task of which nothing had run is tried again', async () => {
    const gate = Promise.withResolvers<void>();
    const name = `held-${signal}`;
    const url = web.put(name, 'arrived', gate.promise);
    const id = await server.create({
      resources: LIGHT,
      inputs: [{ url, path: '/in/file' }],
      executors: [shell('cat /in/file')],
    });
    await until(() => web.asked.has(name), { what: 'the server to ask for the input' });
    await server.leave(signal);
    gate.resolve();
    await server.serveAgain();
    const task = await server.ended(id);
    expect(task).toMatchObject({
      state: 'COMPLETE',
      logs: [{ logs: [] }, { logs: [{ stdout: 'arrived' }] }],
    });
  });

  it('tasks that waited are run, and those that had ended are as they were', async () => {
    const before = await server.run({ resources: LIGHT, executors: [shell('echo before')] });
    // As large as the machine, so that the other one waits.
    const first = await server.create({ resources: { cpu_cores: 2 }, executors: [shell('sleep 1')] });
    await until(async () => (await server.get(first)).state === 'RUNNING', { what: 'the first to run' });
    const waiting = await server.create({ resources: LIGHT, executors: [shell('echo waited')] });
    await server.leave(signal);
    await server.serveAgain();
    expect(await server.ended(waiting)).toMatchObject({
      state: 'COMPLETE',
      logs: [{ logs: [{ stdout: 'waited\n' }] }],
    });
    expect(await server.ended(first)).toMatchObject({
      state: 'COMPLETE',
      logs: [{ logs: [{ exit_code: 0 }] }],
    });
    expect(await server.get(before.id)).toEqual(before);
  });
});

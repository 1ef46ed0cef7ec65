import { createHash, randomInt } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TesExecutor } from '../../src/tes/task.ts';
import { startServer, type TestServer } from '../fixtures/server.ts';
import { until } from '../poll.ts';
import { followed, statesOf, textOf, type LogLine } from './follow.ts';
import { processesWith, tracesOfTask } from './traces.ts';
import { startWeb, type Web } from './web.ts';

/** What TES says of a task that runs, on a real server with real containers. */
let server: TestServer;
let web: Web;

beforeAll(async () => {
  web = await startWeb();
  server = await startServer({ storage: { http: { allow_private: [web.host] } } });
});
afterAll(async () => {
  await server.stop();
  await web[Symbol.asyncDispose]();
});

const LIGHT = { cpu_cores: 0.25 };
const shell = (script: string, more: Partial<TesExecutor> = {}): TesExecutor => ({
  image: 'busybox:latest',
  command: ['sh', '-c', script],
  ...more,
});
/** A number of seconds that no other process of this host sleeps for. */
const uniqueSleep = (): string => String(randomInt(10_000_000, 99_999_999));

describe('standard streams', () => {
  it('stdin is read to its end, and neither the input nor its source is truncated', async () => {
    const content = 'a line of input\n'.repeat(200_000);
    const source = join(server.files, 'large.txt');
    await writeFile(source, content);
    const task = await server.run({
      resources: LIGHT,
      inputs: [{ url: source, path: '/in/large.txt' }],
      executors: [
        shell('sha256sum; echo overwritten > /proc/self/fd/0', {
          stdin: '/in/large.txt',
          ignore_error: true,
        }),
        shell('wc -c < /in/large.txt'),
      ],
    });
    const digest = createHash('sha256').update(content).digest('hex');
    expect(task).toMatchObject({
      state: 'COMPLETE',
      logs: [{ logs: [{ stdout: `${digest}  -\n` }, { stdout: `${content.length}\n` }] }],
    });
    expect(await readFile(source, 'utf8')).toBe(content);
  });

  it('without stdin, a command that reads it finds it empty and goes on', async () => {
    const task = await server.run({ resources: LIGHT, executors: [shell('wc -c')] });
    expect(task.logs?.[0]?.logs).toMatchObject([{ exit_code: 0, stdout: '0\n' }]);
  });

  it('stdout and stderr go to their files and to the log, and are never merged', async () => {
    const task = await server.run({
      resources: LIGHT,
      executors: [
        shell('echo out; echo err >&2; echo more', { stdout: '/o/out', stderr: '/o/err' }),
        shell('cat /o/out; cat /o/err >&2'),
      ],
      outputs: ['out', 'err'].map((name) => ({ url: join(server.files, name), path: `/o/${name}` })),
    });
    const both = { exit_code: 0, stdout: 'out\nmore\n', stderr: 'err\n' };
    expect(task).toMatchObject({ state: 'COMPLETE', logs: [{ logs: [both, both] }] });
    expect(await readFile(join(server.files, 'out'), 'utf8')).toBe('out\nmore\n');
    expect(await readFile(join(server.files, 'err'), 'utf8')).toBe('err\n');
  });

  it('a file for output holds all of it, though the log keeps only so much', async () => {
    const task = await server.run({
      resources: LIGHT,
      executors: [shell('yes | head -c 3000000', { stdout: '/o/all' })],
      outputs: [{ url: join(server.files, 'all'), path: '/o/all' }],
    });
    expect((await readFile(join(server.files, 'all'))).length).toBe(3_000_000);
    const [log] = task.logs ?? [];
    expect(log?.outputs).toMatchObject([{ size_bytes: '3000000' }]);
    expect(log?.logs[0]?.stdout?.length).toBeLessThanOrEqual(64 * 1024);
    expect(log?.system_logs?.join('\n')).toContain('of 3000000 bytes, the first 1048576 were kept');
  });
});

describe('executors', () => {
  it('ignore_error keeps the real exit code and goes on; another failure ends the task', async () => {
    const task = await server.run({
      resources: LIGHT,
      executors: [shell('exit 3', { ignore_error: true }), shell('exit 4'), shell('echo never')],
    });
    expect(task.state).toBe('EXECUTOR_ERROR');
    expect(task.logs?.[0]?.logs.map(({ exit_code: code }) => code)).toEqual([3, 4]);
  });

  it.each([
    ['a program that is not there', ['/no/such/program'], 127],
    ['a file that is no program', ['/etc/passwd'], 126],
    ['death by a signal of its own', ['sh', '-c', 'kill -9 $$'], 137],
    ['argv as it is, without a shell', ['test', '$HOME', '=', '$HOME'], 0],
  ])('%s ends with its code', async (_what, command, exitCode) => {
    const task = await server.run({ resources: LIGHT, executors: [{ image: 'busybox:latest', command }] });
    expect(task.logs?.[0]?.logs).toMatchObject([{ exit_code: exitCode }]);
    expect(task.state).toBe(exitCode === 0 ? 'COMPLETE' : 'EXECUTOR_ERROR');
  });

  it('what an executor leaves behind is dead before the next one starts', async () => {
    const seconds = uniqueSleep();
    const task = await server.run({
      resources: LIGHT,
      volumes: ['/shared'],
      executors: [
        shell(`setsid sh -c 'sleep ${seconds}; echo late > /shared/late' >/dev/null 2>&1 & echo $!`),
        shell('ls -A /shared'),
      ],
    });
    expect(task).toMatchObject({ state: 'COMPLETE', logs: [{ logs: [{}, { stdout: '' }] }] });
    expect(await processesWith(seconds)).toEqual([]);
  });
});

describe('RUNNING', () => {
  it('is told once inputs are in place and the first executor has started, and never before', async () => {
    const gate = Promise.withResolvers<void>();
    const url = web.put('slow', 'arrived', gate.promise);
    const seconds = uniqueSleep();
    const id = await server.create({
      resources: LIGHT,
      inputs: [{ url, path: '/in/slow' }],
      executors: [shell(`cat /in/slow; sleep ${seconds}`)],
    });
    await until(() => web.asked.has('slow'), { what: 'the server to ask for the input' });
    expect(await server.get(id)).toMatchObject({ state: 'INITIALIZING', logs: [{ logs: [], outputs: [] }] });
    expect(await processesWith(seconds)).toEqual([]);

    gate.resolve();
    await until(async () => (await server.get(id)).state === 'RUNNING', { what: 'RUNNING' });
    // An executor that runs has no log yet, since a log has an exit code.
    expect((await server.get(id)).logs).toMatchObject([{ logs: [] }]);
    await until(async () => (await processesWith(seconds)).length > 0, { what: "the task's command" });
    await cancel(id);
    expect((await server.ended(id)).state).toBe('CANCELED');
  });

  it('is followed live: what is written is told while the task runs, streams apart, its end last', async () => {
    const id = await server.create({
      resources: LIGHT,
      executors: [shell('echo one; echo two >&2; sleep 600')],
    });
    const lines: LogLine[] = [];
    let isCanceled = false;
    for await (const line of followed(server, id)) {
      lines.push(line);
      if (isCanceled || textOf(lines, 0, 'stdout') === '' || textOf(lines, 0, 'stderr') === '') continue;
      isCanceled = true;
      expect((await server.get(id)).state).toBe('RUNNING');
      await cancel(id);
    }
    expect({ out: textOf(lines, 0, 'stdout'), err: textOf(lines, 0, 'stderr') }).toEqual({
      out: 'one\n',
      err: 'two\n',
    });
    expect(lines.at(-1)).toMatchObject({ kind: 'state', state: 'CANCELED' });
  });
});

describe('cancel', () => {
  it('tells CANCELING first, and CANCELED only once no process, cgroup or mount of the task is left', async () => {
    const seconds = uniqueSleep();
    const id = await server.create({
      resources: LIGHT,
      executors: [
        shell(`trap '' TERM INT; for i in $(seq 40); do setsid sleep ${seconds} & done; sleep ${seconds}`),
      ],
    });
    await until(async () => (await processesWith(seconds)).length >= 41, { what: 'all of its processes' });
    expect(await tracesOfTask(id)).not.toEqual([]);

    await cancel(id);
    await until(async () => (await server.get(id)).state === 'CANCELED', { what: 'CANCELED' });
    expect(await processesWith(seconds)).toEqual([]);
    expect(await tracesOfTask(id)).toEqual([]);
    expect(await statesOf(server, id)).toEqual([
      'QUEUED',
      'INITIALIZING',
      'RUNNING',
      'CANCELING',
      'CANCELED',
    ]);
  });

  it.each([
    ['no body', {}],
    ['a body of garbage', { body: '{"not json' }],
    ['an odd content type', { body: 'a;b', headers: { 'content-type': 'text/csv;;; charset' } }],
  ] satisfies [string, RequestInit][])(
    'with %s, ends a task in each state in which it can be',
    async (_what, request) => {
      const gate = Promise.withResolvers<void>();
      const url = web.put(`held-${_what}`.replaceAll(' ', '-'), '', gate.promise);
      const running = await server.create({ resources: LIGHT, executors: [shell('sleep 600')] });
      const initializing = await server.create({
        resources: LIGHT,
        inputs: [{ url, path: '/in' }],
        executors: [shell('true')],
      });
      await reached(running, 'RUNNING');
      await reached(initializing, 'INITIALIZING');
      // As large as the machine: it has to wait for the others.
      const queued = await server.create({ resources: { cpu_cores: 2 }, executors: [shell('true')] });
      expect((await server.get(queued)).state).toBe('QUEUED');

      for (const id of [queued, initializing, running]) {
        expect(await cancel(id, request)).toEqual({ status: 200, body: '{}' });
        expect(['CANCELING', 'CANCELED']).toContain((await server.get(id)).state);
        // Once more, while it is CANCELING or after.
        expect(await cancel(id, request)).toEqual({ status: 200, body: '{}' });
        expect((await server.ended(id)).state).toBe('CANCELED');
      }
      expect((await server.get(queued)).logs).toEqual([]);
      expect((await server.get(initializing)).logs).toMatchObject([{ logs: [] }]);
      gate.resolve();
    },
  );

  it('of a task that has ended answers 200 and changes nothing', async () => {
    const ends = [
      { state: 'COMPLETE', document: { executors: [shell('true')] } },
      { state: 'EXECUTOR_ERROR', document: { executors: [shell('false')] } },
      { state: 'SYSTEM_ERROR', document: { executors: [{ image: 'no-such:image', command: ['true'] }] } },
    ];
    for (const { state, document } of ends) {
      const before = await server.run({ resources: LIGHT, ...document });
      expect(before.state).toBe(state);
      expect(await cancel(before.id)).toEqual({ status: 200, body: '{}' });
      expect(await server.get(before.id)).toEqual(before);
    }
  });
});

async function reached(id: string, state: string): Promise<void> {
  await until(async () => (await server.get(id)).state === state, { what: `${id} to be ${state}` });
}

async function cancel(id: string, request: RequestInit = {}) {
  const answer = await server.request(`/ga4gh/tes/v1/tasks/${id}:cancel`, { method: 'POST', ...request });
  return { status: answer.status, body: await answer.text() };
}

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { json, lines, output, problem, scriptedServer, state } from '../../test/doubles/scripted-server.ts';
import type { Answer, ScriptedServer } from '../../test/doubles/scripted-server.ts';
import { fakeSession } from '../../test/doubles/session.ts';
import type { FakeSession } from '../../test/doubles/session.ts';
import { until } from '../../test/poll.ts';
import { runCommandLine } from './program.ts';
import { noCapabilities } from '../../test/doubles/capabilities.ts';

const CREATE = 'POST /ga4gh/tes/v1/tasks';
const GET = 'GET /ga4gh/tes/v1/tasks/t1';
const CANCEL = 'POST /ga4gh/tes/v1/tasks/t1:cancel';
const LOGS = 'GET /bulkhead/v1/tasks/t1/logs';

let server: ScriptedServer | undefined;
afterEach(() => server?.close());

function ended(name: string, exitCode?: number, systemLogs: readonly string[] = []) {
  const executors = exitCode === undefined ? [] : [{ exit_code: exitCode }];
  return json({ id: 't1', state: name, logs: [{ logs: executors, outputs: [], system_logs: systemLogs }] });
}

async function run(
  script: Readonly<Record<string, Answer | readonly Answer[]>>,
  args: readonly string[] = ['alpine', '--', 'true'],
  session: FakeSession = fakeSession(),
) {
  server = await scriptedServer({ [CREATE]: json({ id: 't1' }), ...script });
  const code = await runCommandLine(['run', '--server', server.url, ...args], noCapabilities(), session);
  return { code, out: session.out(), err: session.err(), received: server.received };
}

function submitted(received: ScriptedServer['received']): unknown {
  const body = received.find(({ method, url }) => method === 'POST' && url.endsWith('/tasks'))?.body;
  return body === undefined ? undefined : JSON.parse(body);
}

describe('bulkhead run', () => {
  test('passes the streams through byte by byte, each to its own, and ends with 0', async () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, value) => value);
    const { code, out, err } = await run({
      [LOGS]: lines([
        state('QUEUED'),
        state('RUNNING'),
        output(bytes),
        output('oops\n', 'stderr'),
        { kind: 'exit', executor: 0, exitCode: 0 },
        state('COMPLETE'),
      ]),
      [GET]: ended('COMPLETE', 0),
    });
    expect(code).toBe(0);
    expect(Buffer.from(out, 'latin1')).toEqual(Buffer.from(bytes));
    expect(err).toBe('bulkhead: task t1\nbulkhead: QUEUED\nbulkhead: RUNNING\noops\nbulkhead: COMPLETE\n');
  });

  test('tells what the server noted of a task that is COMPLETE, such as an output that was not made', async () => {
    const script = {
      [LOGS]: lines([state('COMPLETE')]),
      [GET]: ended('COMPLETE', 0, ['output /out/x was not made']),
    };
    const { code, err } = await run(script);
    expect([code, err]).toEqual([
      0,
      'bulkhead: task t1\nbulkhead: output /out/x was not made\nbulkhead: COMPLETE\n',
    ]);
    await server?.close();
    expect((await run(script, ['--quiet', 'alpine', 'true'])).err).toBe('');
  });

  test.each([
    ['the code of a command that failed', 'EXECUTOR_ERROR', 3, 3],
    ['that of a signal', 'EXECUTOR_ERROR', 137, 137],
    ['1 for an executor error without a code', 'EXECUTOR_ERROR', undefined, 1],
    ['125 for a system error', 'SYSTEM_ERROR', 0, 125],
    ['130 for a canceled task', 'CANCELED', undefined, 130],
  ])('ends with %s', async (_, name, exitCode, expected) => {
    const { code, err } = await run({
      [LOGS]: lines([state(name)]),
      [GET]: ended(name, exitCode, ['because \u001b[2J']),
    });
    expect(code).toBe(expected);
    expect(err).toContain('because \\x1b[2J');
    expect(err).toContain(`bulkhead: ${name}\n`);
  });

  test('submits what the options say', async () => {
    const session = fakeSession({
      cwd: '/home/ada',
      env: { LANG: 'C', BULKHEAD_USER: 'ada', BULKHEAD_PASSWORD: 'pä:ss' },
    });
    const args =
      '--input reads.fq:/in/reads.fq --input s3://b/k:/in/k --output /out/*.bam:/data/out/ --volume /tmp/v --env A=1=2 --env LANG --workdir /w --cpu 0.5 --ram 512MiB --disk 3 --name n --tag p=q --param zone=a biocontainers/bwa -x -- -y';
    const { received } = await run({ [LOGS]: lines([]), [GET]: ended('COMPLETE') }, args.split(' '), session);
    expect(submitted(received)).toEqual({
      name: 'n',
      inputs: [
        { url: 'file:///home/ada/reads.fq', path: '/in/reads.fq', type: 'FILE' },
        { url: 's3://b/k', path: '/in/k', type: 'FILE' },
      ],
      outputs: [{ url: 'file:///data/out/', path: '/out/*.bam', path_prefix: '/out/', type: 'FILE' }],
      resources: {
        cpu_cores: 0.5,
        ram_gb: 0.5,
        disk_gb: 3,
        backend_parameters: { zone: 'a' },
        backend_parameters_strict: true,
      },
      volumes: ['/tmp/v'],
      tags: { p: 'q' },
      executors: [
        {
          image: 'biocontainers/bwa',
          command: ['-x', '--', '-y'],
          workdir: '/w',
          env: { A: '1=2', LANG: 'C' },
        },
      ],
    });
    const headers = received[0]?.headers;
    expect(headers?.authorization).toBe(`Basic ${Buffer.from('ada:pä:ss').toString('base64')}`);
    expect(headers?.['idempotency-key']).toMatch(/^[0-9a-f-]{36}$/);
  });

  test.each([
    [
      ['alpine', '--', 'ls', '-l'],
      ['ls', '-l'],
    ],
    [
      ['alpine', 'ls', '-l', '--json'],
      ['ls', '-l', '--json'],
    ],
    [
      ['alpine', '--', '--', 'x'],
      ['--', 'x'],
    ],
    [
      ['alpine', 'grep', '--', '-x'],
      ['grep', '--', '-x'],
    ],
    [['--', 'alpine', '--', 'ls'], ['ls']],
  ])('of %j the command is %j', async (args, command) => {
    const { received } = await run({}, ['-d', ...args]);
    expect(submitted(received)).toMatchObject({ executors: [{ image: 'alpine', command }] });
  });

  test('without a command, or with `--` alone, is refused', async () => {
    expect((await run({}, ['alpine', '--'])).err).toContain('No command');
  });

  test('sends standard input along, as an input of the task', async () => {
    const session = fakeSession();
    session.typed.end('zwölf\n');
    const { received } = await run(
      { [LOGS]: lines([]), [GET]: ended('COMPLETE') },
      ['--stdin', '-', 'alpine', 'cat'],
      session,
    );
    expect(submitted(received)).toMatchObject({
      inputs: [{ path: '/bulkhead/stdin', content: 'zwölf\n' }],
      executors: [{ stdin: '/bulkhead/stdin', command: ['cat'] }],
    });
  });

  test('--detach prints the id, and looks no further', async () => {
    const { code, out, received } = await run({}, ['-d', 'alpine', 'true']);
    expect({ code, out, requests: received.length }).toEqual({ code: 0, out: 't1\n', requests: 1 });
  });

  test('--json tells each event and the end, for programs', async () => {
    const { out, err } = await run(
      { [LOGS]: lines([state('RUNNING'), output('x')]), [GET]: ended('EXECUTOR_ERROR', 4) },
      ['--json', 'alpine', 'false'],
    );
    expect(
      out
        .trim()
        .split('\n')
        .map((line): unknown => JSON.parse(line)),
    ).toEqual([
      { kind: 'created', id: 't1' },
      state('RUNNING'),
      output('x'),
      { kind: 'result', id: 't1', state: 'EXECUTOR_ERROR', exitCode: 4 },
    ]);
    expect(err).toBe('');
  });
});

describe('when the connection breaks', () => {
  test('everything is told once all the same', async () => {
    const { out, err } = await run({
      [LOGS]: [
        lines(
          [
            state('QUEUED'),
            state('INITIALIZING'),
            { kind: 'progress', message: 'pulling' },
            state('RUNNING'),
            output('one '),
          ],
          { breaks: true },
        ),
        problem(503, 'starting'),
        lines(
          [
            state('QUEUED'),
            state('INITIALIZING'),
            state('RUNNING'),
            output('on'),
            output('e two '),
            output('e', 'stderr'),
          ],
          { breaks: true },
        ),
        lines([
          state('QUEUED'),
          state('INITIALIZING'),
          state('RUNNING'),
          output('one two three'),
          output('e', 'stderr'),
          state('COMPLETE'),
        ]),
      ],
      [GET]: ended('COMPLETE', 0),
    });
    expect(out).toBe('one two three');
    expect(err.match(/INITIALIZING/g)).toHaveLength(1);
    expect(err.match(/^e/gm)).toHaveLength(1);
  });

  test('a second attempt is not taken for the first', async () => {
    const first = [state('QUEUED'), state('INITIALIZING', 1), state('RUNNING', 1)];
    const again = [state('QUEUED', 2), state('INITIALIZING', 3), state('RUNNING', 3)];
    const { out } = await run({
      [LOGS]: [
        lines([...first, output('lost\n')], { breaks: true }),
        lines([...first, ...again, output('found\n'), state('COMPLETE')]),
      ],
      [GET]: ended('COMPLETE', 0),
    });
    expect(out).toBe('lost\nfound\n');
  });

  test('a log that breaks off each time does not hide that the task has ended', async () => {
    const { code, out, err } = await run({
      [LOGS]: lines([output('a')], { breaks: true }),
      [GET]: ended('COMPLETE', 0),
    });
    expect({ code, out }).toEqual({ code: 0, out: 'a' });
    expect(err).toContain('the rest of the output');
  });

  test('a stream that ends before the task does is taken up again', async () => {
    const { out } = await run({
      [LOGS]: [lines([output('a')]), lines([output('a'), output('b')])],
      [GET]: [json({ id: 't1', state: 'RUNNING' }), ended('COMPLETE', 0)],
    });
    expect(out).toBe('ab');
  });
});

/** A task that runs until it is canceled. */
function untilCanceled(): Readonly<Record<string, Answer>> {
  const { promise: canceled, resolve: end } = Promise.withResolvers<void>();
  return {
    [LOGS]: async (response) => {
      response.writeHead(200).write(`${JSON.stringify(state('RUNNING'))}\n`);
      await canceled;
      response.end();
    },
    [CANCEL]: (response, request) => {
      end();
      return json({})(response, request);
    },
    [GET]: ended('CANCELED'),
  };
}

describe('Ctrl-C', () => {
  test('at a terminal asks, and cancels if told to', async () => {
    const session = fakeSession({ isTerminal: true });
    const running = run(untilCanceled(), undefined, session);
    await until(() => session.err().includes('RUNNING'), { what: 'the task to run' });
    session.signal('SIGINT');
    await until(() => session.err().includes('Cancel task t1?'), { what: 'the question' });
    session.typed.write('y\n');
    expect(await running).toMatchObject({ code: 130 });
    expect(session.err()).toContain('CANCELED');
  });

  test('goes on after a no, and a second one leaves the task running', async () => {
    const session = fakeSession({ isTerminal: true });
    const running = run(untilCanceled(), undefined, session);
    await until(() => session.err().includes('RUNNING'), { what: 'the task to run' });
    session.signal('SIGINT');
    session.typed.write('n\n');
    await until(() => session.typed.readableLength === 0, { what: 'the answer to be read' });
    session.signal('SIGINT');
    await until(() => session.err().split('Cancel task').length === 3, { what: 'the second question' });
    session.signal('SIGINT');
    const { code, received, err } = await running;
    expect(code).toBe(130);
    expect(err).toContain('bulkhead task logs -f t1');
    expect(received.some(({ url }) => url.endsWith(':cancel'))).toBe(false);
  });

  test.each(['SIGINT', 'SIGTERM'] as const)('where nobody can answer, %s cancels', async (signal) => {
    const session = fakeSession();
    const running = run(untilCanceled(), undefined, session);
    await until(() => session.err().includes('RUNNING'), { what: 'the task to run' });
    session.signal(signal);
    const { code, received } = await running;
    expect(code).toBe(130);
    expect(received.some(({ url }) => url.endsWith(':cancel'))).toBe(true);
  });
});

describe('what can go wrong', () => {
  test('no server: says how to start one', async () => {
    const gone = await scriptedServer({});
    await gone.close();
    const session = fakeSession();
    const args = ['run', '--server', gone.url.replace('http://', ''), 'alpine', 'true'];
    expect(await runCommandLine(args, noCapabilities(), session)).toBe(125);
    expect(session.err()).toMatch(/^bulkhead: No server at http:\/\/127.0.0.1:\d+ \(connect ECONNREFUSED/);
    expect(session.err()).toContain('bulkhead serve');
  });

  test('a refusal: tells every field', async () => {
    const { code, err } = await run({
      [CREATE]: problem(400, 'The task is refused', [
        { pointer: '#/resources/ram_gb', detail: '999 is above 16' },
        { pointer: '#/tags/a%20b', detail: 'is no tag' },
        { parameter: 'page_size', detail: 'is above 2047' },
      ]),
    });
    expect(code).toBe(125);
    expect(err).toContain(
      'The task is refused\n  /resources/ram_gb: 999 is above 16\n  /tags/a b: is no tag\n  page_size: is above 2047\n',
    );
  });

  test.each([
    [['alpine'], 'No command'],
    [['--input', 'a', 'alpine', 'true'], '--input "a" is not of the form SOURCE:PATH'],
    [['--input', 'http://h/x', 'alpine', 'true'], '--input'],
    [['--output', 'x:y', 'alpine', 'true'], '--output'],
    [['--env', 'NOT_SET', 'alpine', 'true'], '--env "NOT_SET"'],
    [['--ram', 'lots', 'alpine', 'true'], '--ram'],
    [['--cpu', '0', 'alpine', 'true'], '--cpu'],
    [['--tag', 'x', 'alpine', 'true'], '--tag'],
    [['--stdin', '/missing', 'alpine', 'true'], "/missing can't be read"],
    [['--nonsense', 'alpine', 'true'], 'unknown option'],
    [[], 'missing required argument'],
  ])('%j is refused before anything is sent', async (args, message) => {
    const { code, err, received } = await run({}, args);
    expect(code).toBe(125);
    expect(err).toContain(message);
    expect(received).toEqual([]);
  });

  test('standard input that is no text is refused, with the other way named', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'run-'));
    writeFileSync(join(folder, 'bin'), Uint8Array.from([0xff, 0xfe]));
    const { err } = await run({}, ['--stdin', 'bin', 'alpine', 'cat'], fakeSession({ cwd: folder }));
    rmSync(folder, { recursive: true });
    expect(err).toContain('--input');
  });
});

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { noCapabilities } from '../../test/doubles/capabilities.ts';
import { json, lines, output, problem, scriptedServer, state } from '../../test/doubles/scripted-server.ts';
import type { Answer, ScriptedServer } from '../../test/doubles/scripted-server.ts';
import { fakeSession } from '../../test/doubles/session.ts';
import type { FakeSession } from '../../test/doubles/session.ts';
import { runCommandLine } from './program.ts';

const TASKS = '/ga4gh/tes/v1/tasks';

let server: ScriptedServer | undefined;
afterEach(() => server?.close());

async function task(
  args: readonly string[],
  script: Readonly<Record<string, Answer | readonly Answer[]>>,
  session: FakeSession = fakeSession(),
) {
  server = await scriptedServer(script);
  const code = await runCommandLine(['task', ...args, '--server', server.url], noCapabilities(), session);
  return { code, out: session.out(), err: session.err(), received: server.received };
}

function page(ids: readonly string[], token?: string): Answer {
  const creation_time = '2026-01-02T03:04:05.678Z';
  return json({
    tasks: ids.map((id) => ({ id, state: 'RUNNING', name: `n-${id}`, creation_time })),
    next_page_token: token,
  });
}

describe('task list', () => {
  test('shows a table, with every filter sent along', async () => {
    const { out, received } = await task(
      ['list', '--state', 'RUNNING', '--name-prefix', 'n&-', '--tag', 'a=b=c', '--tag', 'd', '--limit', '2'],
      { [`GET ${TASKS}`]: page(['1', '22']) },
    );
    expect(out).toBe(
      'ID  STATE    CREATED               NAME\n1   RUNNING  2026-01-02 03:04:05Z  n-1\n22  RUNNING  2026-01-02 03:04:05Z  n-22\n',
    );
    const query = new URL(received[0]?.url ?? '', 'http://x').searchParams;
    expect(Object.fromEntries(query)).toMatchObject({
      state: 'RUNNING',
      name_prefix: 'n&-',
      page_size: '2',
      view: 'BASIC',
    });
    expect([query.getAll('tag_key'), query.getAll('tag_value')]).toEqual([
      ['a', 'd'],
      ['b=c', ''],
    ]);
  });

  test('goes through all pages, and says when it did not', async () => {
    const script = { [`GET ${TASKS}`]: [page(['3', '2'], 'next'), page(['1'])] };
    const { out } = await task(['list', '--all', '--json'], script);
    expect(JSON.parse(out)).toMatchObject({ tasks: [{ id: '3' }, { id: '2' }, { id: '1' }] });
    await server?.close();
    expect((await task(['list', '--limit', '2'], script)).err).toContain('--all');
  });

  test("shows nothing of a task's name that a terminal would obey", async () => {
    const name = '\u001b]0;owned\u0007\r\n\u009b2J\u202e';
    const { out } = await task(['list'], {
      [`GET ${TASKS}`]: json({ tasks: [{ id: '1', state: 'QUEUED', name }] }),
    });
    expect(out.replaceAll('\n', '')).not.toMatch(/\p{Cc}|\u202e/u);
    expect(out.split('\n')).toHaveLength(3);
    expect(out).toContain('\\x1b]0;owned\\x07\\x0d\\x0a\\x9b2J\\u202e');
  });
});

describe('task get', () => {
  const document = {
    id: 't1',
    state: 'EXECUTOR_ERROR',
    name: 'align \u001b[31m',
    resources: { cpu_cores: 2, ram_gb: 4 },
    executors: [{ image: 'bwa', command: ['sh', '-c', 'x'] }],
    inputs: [{ path: '/in/a', content: 'x' }],
    tags: { p: 'q' },
    logs: [
      {
        logs: [{ exit_code: 3, stdout: 'one\ntwo\u001b[2J\n' }],
        outputs: [{ url: 'file:///o', path: '/o', size_bytes: '12' }],
        metadata: { sandbox_grade: 'observed' },
        system_logs: ['killed'],
      },
    ],
  };

  test('shows what was asked and how it went, for people', async () => {
    const { out } = await task(['get', 't1'], { [`GET ${TASKS}/t1`]: json(document) });
    for (const part of [
      'EXECUTOR_ERROR',
      'align \\x1b[31m',
      '2 cores, 4 GiB',
      'bwa: ["sh","-c","x"]',
      '(content) → /in/a',
      'p=q',
      'attempt 1',
      'exit code 3',
      'two\\x1b[2J',
      'file:///o (12 bytes)',
      'observed',
      'killed',
    ]) {
      expect(Buffer.from(out, 'latin1').toString()).toContain(part);
    }
    expect(out).not.toContain('\u001b');
  });

  test('--json gives the document as the server has it', async () => {
    const { out, received } = await task(['get', 't1', '--json', '--view', 'BASIC'], {
      [`GET ${TASKS}/t1`]: json(document),
    });
    expect(JSON.parse(out)).toEqual(document);
    expect(received[0]?.url).toContain('view=BASIC');
  });

  test.each([
    ['an unknown task', problem(404, 'There is no task t1'), 5, 'There is no task t1'],
    ['missing credentials', problem(401, 'Missing or wrong credentials'), 4, 'BULKHEAD_TOKEN'],
    ['a busy server', problem(503, 'Too many sign-ins'), 7, 'Too many sign-ins'],
    ['a server that breaks', json('oops', 500), 7, '500'],
    ['what is no TES server', json({ hello: 1 }), 5, 'not a Bulkhead or TES server'],
    [
      'a redirect',
      ((response) => void response.writeHead(308, { location: '/x' }).end()) satisfies Answer,
      7,
      '--server',
    ],
  ])('%s', async (_, answer, expected, message) => {
    const { code, err } = await task(['get', 't1'], { [`GET ${TASKS}/t1`]: answer });
    expect(code).toBe(expected);
    expect(err).toContain(message);
  });

  test('an id is part of the path, whatever is in it', async () => {
    const { received } = await task(['get', '../../x?y=1'], {});
    expect(received[0]?.url).toBe(`${TASKS}/..%2F..%2Fx%3Fy%3D1?view=FULL`);
  });
});

describe('task create', () => {
  test('submits a file, and prints the id', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'task-'));
    writeFileSync(join(folder, 't.json'), '{"executors":[],"future":1}');
    const { out, received } = await task(
      ['create', 't.json', '--idempotency-key', 'k'],
      { [`POST ${TASKS}`]: json({ id: 't9' }) },
      fakeSession({ cwd: folder }),
    );
    rmSync(folder, { recursive: true });
    expect(out).toBe('t9\n');
    expect(received[0]).toMatchObject({
      body: '{"executors":[],"future":1}',
      headers: { 'idempotency-key': 'k' },
    });
  });

  test('reads standard input, and says when that is no JSON', async () => {
    const session = fakeSession();
    session.typed.end('{,}');
    const { code, err, received } = await task(['create', '-'], {}, session);
    expect(code).toBe(6);
    expect(err).toContain('What came on standard input is not JSON');
    expect(received).toEqual([]);
  });
});

describe('task wait', () => {
  test('waits for all, over a restart of the server, and ends with 1 unless all are COMPLETE', async () => {
    const { code, out, err } = await task(['wait', 'a', 'b'], {
      [`GET ${TASKS}/a`]: [
        json({ id: 'a', state: 'QUEUED' }),
        problem(503, 'starting'),
        json({ id: 'a', state: 'COMPLETE' }),
      ],
      [`GET ${TASKS}/b`]: json({ id: 'b', state: 'EXECUTOR_ERROR' }),
    });
    expect(code).toBe(1);
    expect(out).toBe('ID  STATE\na   COMPLETE\nb   EXECUTOR_ERROR\n');
    expect(err).toContain('starting; waiting for the server');
  });

  test('ends with 0 if all are COMPLETE', async () => {
    const { code, out } = await task(['wait', 'a', '--json'], {
      [`GET ${TASKS}/a`]: json({ id: 'a', state: 'COMPLETE' }),
    });
    expect({ code, out }).toEqual({ code: 0, out: '{"tasks":[{"id":"a","state":"COMPLETE"}]}\n' });
  });
});

describe('task logs and cancel', () => {
  test('what is there, and then the end', async () => {
    const { code, out, err, received } = await task(['logs', 'a'], {
      'GET /bulkhead/v1/tasks/a/logs': lines([
        state('RUNNING'),
        output('out'),
        output('err', 'stderr'),
        { kind: 'news', from: 'the future' },
      ]),
    });
    expect({ code, out }).toEqual({ code: 0, out: 'out' });
    expect(err).toContain('err');
    expect(received[0]?.url).not.toContain('follow');
  });

  test('--follow goes on until the task has ended; --quiet leaves only its output', async () => {
    const { out, err, received } = await task(['logs', '-qf', 'a'], {
      'GET /bulkhead/v1/tasks/a/logs': lines([state('RUNNING'), output('out'), state('COMPLETE')]),
      [`GET ${TASKS}/a`]: json({ id: 'a', state: 'COMPLETE' }),
    });
    expect({ out, err }).toEqual({ out: 'out', err: '' });
    expect(received[0]?.url).toContain('follow=true');
  });

  test('cancel asks for the end of each', async () => {
    const { code, received } = await task(['cancel', 'a', 'b'], {
      [`POST ${TASKS}/a:cancel`]: json({}),
      [`POST ${TASKS}/b:cancel`]: json({}),
    });
    expect(code).toBe(0);
    expect(received.map(({ url }) => url)).toEqual([`${TASKS}/a:cancel`, `${TASKS}/b:cancel`]);
  });
});

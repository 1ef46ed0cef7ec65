import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { verifyPassword } from '../src/auth/password-hash.ts';
import { parseUsers } from '../src/auth/users-file.ts';
import { json, lines, output, scriptedServer, state } from './doubles/scripted-server.ts';
import type { Answer, ScriptedServer } from './doubles/scripted-server.ts';
import { until } from './poll.ts';

/** The command line as a process, with a real terminal or a real pipe. */
const PROGRAM = fileURLToPath(new URL('doubles/command-line.ts', import.meta.url));

let folder: string;
let server: ScriptedServer | undefined;
let child: ChildProcess | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cli-'));
});
afterEach(async () => {
  child?.kill('SIGKILL');
  await server?.close();
  rmSync(folder, { recursive: true });
});

interface Running {
  readonly child: ChildProcess;
  /** All that was written to the terminal, or to both streams. */
  readonly seen: () => string;
  readonly ended: Promise<number | null>;
}

function start(command: string, args: readonly string[], env: Readonly<Record<string, string>>): Running {
  const started = spawn(command, args, {
    cwd: folder,
    env: { PATH: process.env['PATH'], SHELL: '/bin/sh', TERM: 'dumb', ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  child = started;
  const chunks: Buffer[] = [];
  started.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  started.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
  return {
    child: started,
    seen: () => Buffer.concat(chunks).toString(),
    ended: new Promise((resolve) => started.once('close', resolve)),
  };
}

function inPipes(args: readonly string[], env: Readonly<Record<string, string>> = {}): Running {
  return start(process.execPath, [PROGRAM, ...args], env);
}

/** util-linux' script(1) gives it a terminal; the words are passed by environment, so that no shell reads them. */
function inTerminal(args: readonly string[], env: Readonly<Record<string, string>> = {}): Running {
  const words = ['exec "$CLI_NODE" "$CLI_PROGRAM"', ...args.map((_, index) => `"$CLI_${index}"`)].join(' ');
  const values = Object.fromEntries(args.map((word, index) => [`CLI_${index}`, word]));
  return start('script', ['-q', '-e', '-f', '-c', words, '/dev/null'], {
    ...env,
    ...values,
    CLI_NODE: process.execPath,
    CLI_PROGRAM: PROGRAM,
  });
}

/** A task that runs until it is canceled. */
async function serverWithTask(): Promise<ScriptedServer> {
  const { promise: canceled, resolve: cancel } = Promise.withResolvers<void>();
  const logs: Answer = async (response) => {
    response.writeHead(200).write(`${JSON.stringify(state('RUNNING'))}\n`);
    await canceled;
    response.end();
  };
  server = await scriptedServer({
    'POST /ga4gh/tes/v1/tasks': json({ id: 't1' }),
    'GET /bulkhead/v1/tasks/t1/logs': logs,
    'GET /ga4gh/tes/v1/tasks/t1': json({ id: 't1', state: 'CANCELED' }),
    'POST /ga4gh/tes/v1/tasks/t1:cancel': (response, request) => {
      cancel();
      return json({})(response, request);
    },
  });
  return server;
}

function wasCanceled(): boolean {
  return server?.received.some(({ url }) => url.endsWith(':cancel')) === true;
}

describe('run at a terminal', () => {
  test('Ctrl-C asks, and y cancels the task', async () => {
    const { url } = await serverWithTask();
    const { child: typist, seen, ended } = inTerminal(['run', '--server', url, 'alpine', 'sleep', '99']);
    await until(() => seen().includes('RUNNING'), { what: 'the task to run' });
    typist.stdin?.write('\u0003');
    await until(() => seen().includes('Cancel task t1? [y/N]'), { what: 'the question' });
    typist.stdin?.write('y\n');
    expect(await ended).toBe(130);
    expect(wasCanceled()).toBe(true);
    expect(seen()).toContain('CANCELED');
  });

  test('a second Ctrl-C leaves the task running', async () => {
    const { url } = await serverWithTask();
    const { child: typist, seen, ended } = inTerminal(['run', '--server', url, 'alpine', 'sleep', '99']);
    await until(() => seen().includes('RUNNING'), { what: 'the task to run' });
    typist.stdin?.write('\u0003');
    await until(() => seen().includes('Cancel task t1? [y/N]'), { what: 'the question' });
    typist.stdin?.write('\u0003');
    expect(await ended).toBe(130);
    expect(wasCanceled()).toBe(false);
    expect(seen()).toContain('bulkhead task logs -f t1');
  });
});

describe('run in a pipeline', () => {
  test('SIGTERM cancels the task', async () => {
    const { url } = await serverWithTask();
    const { child: process_, seen, ended } = inPipes(['run', '--server', url, 'alpine', 'sleep', '99']);
    await until(() => seen().includes('RUNNING'), { what: 'the task to run' });
    process_.kill('SIGTERM');
    expect(await ended).toBe(130);
    expect(wasCanceled()).toBe(true);
  });

  test('a reader that goes away ends it quietly', async () => {
    const much = Array.from({ length: 200 }, () => output('x'.repeat(60_000)));
    server = await scriptedServer({
      'POST /ga4gh/tes/v1/tasks': json({ id: 't1' }),
      'GET /bulkhead/v1/tasks/t1/logs': lines(much),
      'GET /ga4gh/tes/v1/tasks/t1': json({ id: 't1', state: 'COMPLETE' }),
    });
    const { child: process_, seen, ended } = inPipes(['run', '-q', '--server', server.url, 'alpine', 'yes']);
    await until(() => seen().length > 0, { what: 'the first output' });
    process_.stdout?.destroy();
    expect(await ended).toBe(141);
    expect(seen()).not.toContain('EPIPE');
  });

  test('a large output comes whole and in order', async () => {
    const much = Array.from({ length: 100 }, (_, index) => output(`${index} `.padEnd(60_000, '.')));
    server = await scriptedServer({
      'POST /ga4gh/tes/v1/tasks': json({ id: 't1' }),
      'GET /bulkhead/v1/tasks/t1/logs': lines(much),
      'GET /ga4gh/tes/v1/tasks/t1': json({ id: 't1', state: 'COMPLETE' }),
    });
    const { seen, ended } = inPipes(['run', '-q', '--server', server.url, 'alpine', 'yes']);
    expect(await ended).toBe(0);
    expect(seen().length).toBe(100 * 60_000);
    expect(seen().match(/\d+ /g)?.map(Number)).toEqual(Array.from({ length: 100 }, (_, index) => index));
  });
});

describe('user add at a terminal', () => {
  const env = { BULKHEAD_AUTH__MODE: 'basic' };

  test('asks twice, and shows nothing of the password', async () => {
    const { child: typist, seen, ended } = inTerminal(['user', 'add', 'ada'], env);
    await until(() => seen().includes('Password for ada: '), { what: 'the question' });
    typist.stdin?.write('wrong\u007f\u007f\u007f\u007f\u007fcorrect hörse\r');
    await until(() => seen().includes('Again: '), { what: 'the second question' });
    typist.stdin?.write('correct hörse\r');
    expect(await ended).toBe(0);
    expect(seen()).not.toMatch(/wrong|hörse/);
    const user = parseUsers(readFileSync(join(folder, 'bulkhead-data/auth/users.json'), 'utf8')).get('ada');
    expect(await verifyPassword('correct hörse', user?.password ?? '')).toBe(true);
  });

  test('changes nothing at Ctrl-C', async () => {
    const { child: typist, seen, ended } = inTerminal(['user', 'add', 'ada'], env);
    await until(() => seen().includes('Password for ada: '), { what: 'the question' });
    typist.stdin?.write('half\u0003');
    expect(await ended).toBe(7);
    expect(seen()).toContain('nothing was changed');
    expect(() => readFileSync(join(folder, 'bulkhead-data/auth/users.json'))).toThrow('ENOENT');
  });
});

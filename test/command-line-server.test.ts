import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createNoneAuthenticator } from '../src/auth/none.ts';
import { runCommandLine } from '../src/cli/program.ts';
import { loadConfig } from '../src/config/load.ts';
import { createHttpServer } from '../src/http/server.ts';
import { admit } from '../src/policy/admission.ts';
import { noCapabilities } from './doubles/capabilities.ts';
import { EXIT, openRig } from './doubles/engine-rig.ts';
import { admissionRequest } from './doubles/site.ts';
import type { Rig } from './doubles/engine-rig.ts';
import { fakeSession } from './doubles/session.ts';
import type { FakeSession } from './doubles/session.ts';
import { until } from './poll.ts';

/** The command line on the real HTTP server and the real engine; only what runs the programs is a double. */
let rig: Rig;
let http: ReturnType<typeof createHttpServer>;
let url: string;

beforeEach(async () => {
  rig = openRig();
  await rig.engine.start();
  await serve(0);
});
afterEach(async () => {
  await http.close();
  await rig.engine.stop({ drain: false });
});

async function serve(port: number): Promise<void> {
  const info = loadConfig({ env: {} }).server.service_info;
  http = createHttpServer({
    store: rig.store,
    engine: rig.engine,
    authenticator: createNoneAuthenticator(),
    admit: async (document, principal) =>
      admit(admissionRequest(document, principal, { machine: rig.engine.capacity() })),
    serviceInfo: { id: info.id, name: info.name, organization: info.organization, version: '0' },
    storageLocations: [],
    parameterKeys: [],
    logger: false,
    now: Date.now,
    newId: randomUUID,
  });
  url = await http.listen({ host: '127.0.0.1', port });
}

async function bulkhead(args: readonly string[], session: FakeSession = fakeSession()) {
  const [command = '', ...rest] = args;
  const isGroup = command === 'task';
  const words = isGroup
    ? [command, rest[0] ?? '', '--server', url, ...rest.slice(1)]
    : [command, '--server', url, ...rest];
  const code = await runCommandLine(words, noCapabilities(), session);
  return { code, out: session.out(), err: session.err() };
}

describe('the command line on a real server', () => {
  test('run passes on what the task writes, and ends with its exit code', async () => {
    expect(await bulkhead(['run', '-q', 'alpine', ...EXIT.speak])).toEqual({
      code: 0,
      out: 'out',
      err: 'err',
    });
    expect((await bulkhead(['run', 'alpine', '--', ...EXIT.three])).code).toBe(3);
  });

  test('detached, then waited for, listed, shown, and its logs read', async () => {
    const id = (
      await bulkhead(['run', '-d', '--name', 'spoken', '--tag', 'a=b', 'alpine', ...EXIT.speak])
    ).out.trim();
    expect(await bulkhead(['task', 'wait', id])).toMatchObject({
      code: 0,
      out: expect.stringContaining('COMPLETE'),
    });
    expect((await bulkhead(['task', 'list', '--tag', 'a=b', '--name-prefix', 'spo'])).out).toMatch(
      new RegExp(`^ID.*\n${id} +COMPLETE .*spoken\n$`),
    );
    expect((await bulkhead(['task', 'list', '--state', 'RUNNING'])).out).not.toContain(id);
    expect((await bulkhead(['task', 'get', id])).out).toMatch(/state +COMPLETE[^]*exit code 0/);
    expect(JSON.parse((await bulkhead(['task', 'get', '--json', '--view', 'MINIMAL', id])).out)).toEqual({
      id,
      state: 'COMPLETE',
    });
    expect(await bulkhead(['task', 'logs', '-q', id])).toEqual({ code: 0, out: 'out', err: 'err' });
  });

  test('a task that runs is canceled by SIGTERM', async () => {
    const session = fakeSession();
    const running = bulkhead(['run', 'alpine', ...EXIT.hang], session);
    await until(() => session.err().includes('RUNNING'), { what: 'the task to run' });
    session.signal('SIGTERM');
    expect(await running).toMatchObject({ code: 130, err: expect.stringContaining('CANCELED') });
  });

  test('run survives a restart of the server, and tells nothing twice', async () => {
    const session = fakeSession();
    const running = bulkhead(['run', 'alpine', ...EXIT.hang], session);
    await until(() => session.err().includes('RUNNING'), { what: 'the task to run' });
    await http.close();
    await until(() => session.err().includes('No server at'), { what: 'the loss to be noticed' });
    await serve(Number(new URL(url).port));
    const id = /task (\S+)/.exec(session.err())?.[1] ?? '';
    expect((await bulkhead(['task', 'cancel', id])).code).toBe(0);
    const { code, err } = await running;
    expect(code).toBe(130);
    expect(err.match(/RUNNING/g)).toHaveLength(1);
  });

  test('what the server refuses is told field by field', async () => {
    const { code, err } = await bulkhead([
      'run',
      '--ram',
      '99999',
      '--cpu',
      '9999',
      '--param',
      'zone=x',
      'alpine',
      'true',
    ]);
    expect(code).toBe(125);
    for (const field of ['/resources/ram_gb', '/resources/cpu_cores', '/resources/backend_parameters/zone']) {
      expect(err.split(field)).toHaveLength(2);
    }
  });

  test('an unknown task is one', async () => {
    for (const command of ['get', 'logs', 'cancel', 'wait']) {
      expect(await bulkhead(['task', command, 'nope'])).toMatchObject({ code: 5, out: '' });
    }
  });
});

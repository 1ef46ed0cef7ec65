import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TesTask } from '../../src/tes/task.ts';
import { startServer, type TestServer } from '../fixtures/server.ts';
import { until } from '../poll.ts';

/** Principals who don't see each other, on a real server that asks who they are. */
const basic = (name: string, password: string): Record<string, string> => ({
  authorization: `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`,
});
const ADA = basic('ada', 'correct horse');
const BOB = basic('bob', 'battery staple');
const TASK = {
  resources: { cpu_cores: 0.25 },
  executors: [{ image: 'busybox:latest', command: ['echo', "Ada's"] }],
};
let server: TestServer;
let task: TesTask;

beforeAll(async () => {
  // Beyond loopback, which is only for a server that asks.
  server = await startServer({ auth: { mode: 'basic' }, server: { host: '0.0.0.0' } });
  for (const [name, password] of [
    ['ada', 'correct horse'],
    ['bob', 'battery staple'],
  ] as const) {
    const added = await server.bulkhead(['user', 'add', name], { stdin: `${password}\n` });
    expect(added).toMatchObject({ code: 0, stderr: expect.stringContaining(`added ${name}`) });
  }
  const id = await server.create(TASK, ADA);
  task = await ended(id, ADA);
});
afterAll(async () => {
  await server.stop();
});

describe('a server that asks who calls', () => {
  it('answers 401, with what it asks for, to nobody and to a wrong password', async () => {
    for (const headers of [{}, basic('ada', 'wrong'), basic('eve', 'correct horse'), basic('', '')]) {
      const answer = await server.request('/ga4gh/tes/v1/tasks', { headers });
      expect(answer.status).toBe(401);
      expect(answer.headers.get('www-authenticate')).toMatch(/Basic realm=/);
    }
  });

  it('tells everybody what it is, and only callers which folders it has', async () => {
    expect(await json('/ga4gh/tes/v1/service-info', {})).not.toHaveProperty('storage');
    expect(await json('/ga4gh/tes/v1/service-info', ADA)).toMatchObject({
      storage: [`file://${server.files}`],
    });
  });

  it("runs a caller's task, and shows it to that caller", () => {
    expect(task).toMatchObject({ state: 'COMPLETE', logs: [{ logs: [{ stdout: "Ada's\n" }] }] });
  });

  it.each([
    ['the task', '', 'GET'],
    ['the task in full', '?view=FULL', 'GET'],
    ['its cancel', ':cancel', 'POST'],
    ['its logs', '/logs', 'GET'],
    ['its sandbox', '/sandbox', 'GET'],
  ])(
    'gives another principal the same answer for %s as for one that never was',
    async (_what, end, method) => {
      const prefix = end.startsWith('/') ? '/bulkhead/v1' : '/ga4gh/tes/v1';
      const ask = async (id: string, headers: Record<string, string>) => {
        const answer = await server.request(`${prefix}/tasks/${id}${end}`, { method, headers });
        return { status: answer.status, body: (await answer.text()).replaceAll(id, 'ID') };
      };
      const never = 'a'.repeat(task.id.length);
      expect((await ask(task.id, ADA)).status).toBe(200);
      expect(await ask(task.id, BOB)).toEqual(await ask(never, BOB));
      expect((await ask(task.id, BOB)).status).toBe(404);
    },
  );

  it('lists to each only what is theirs, whatever they look for', async () => {
    const own = await server.create({ ...TASK, name: 'of-bob' }, BOB);
    expect(await ids('', ADA)).toEqual([task.id]);
    expect(await ids('', BOB)).toEqual([own]);
    expect(await ids('?name_prefix=of-bob', ADA)).toEqual([]);
    await ended(own, BOB);
  });

  it('keeps the idempotency keys of two callers apart', async () => {
    const key = { 'idempotency-key': 'the-same' };
    const first = await server.create(TASK, { ...ADA, ...key });
    expect(await server.create(TASK, { ...ADA, ...key })).toBe(first);
    const second = await server.create(TASK, { ...BOB, ...key });
    expect(second).not.toBe(first);
    await ended(first, ADA);
    await ended(second, BOB);
  });

  it("lets a bearer token in as its user, also at the command line, until it's taken back", async () => {
    const made = await server.bulkhead(['user', 'token', 'ada']);
    const token = made.stdout.trim();
    const bearer = { authorization: `Bearer ${token}` };
    expect(await json(`/ga4gh/tes/v1/tasks/${task.id}`, bearer)).toEqual({ id: task.id, state: 'COMPLETE' });
    const ran = await server.bulkhead(['run', '-q', 'busybox:latest', '--', 'echo', 'by token'], {
      env: { BULKHEAD_TOKEN: token },
    });
    expect(ran).toMatchObject({ code: 0, stdout: 'by token\n' });

    expect((await server.bulkhead(['user', 'revoke', 'ada'])).code).toBe(0);
    expect((await server.request(`/ga4gh/tes/v1/tasks/${task.id}`, { headers: bearer })).status).toBe(401);
  });

  it('notices at once that a user is gone', async () => {
    const eve = basic('eve', 'open sesame');
    await server.bulkhead(['user', 'add', 'eve'], { stdin: 'open sesame\n' });
    expect(await ids('', eve)).toEqual([]);
    expect((await server.bulkhead(['user', 'remove', 'eve'])).code).toBe(0);
    expect((await server.request('/ga4gh/tes/v1/tasks', { headers: eve })).status).toBe(401);
  });
});

it('a server that asks nobody refuses to listen beyond loopback', async () => {
  // The server of this file listens there, since it asks.
  for (const host of ['0.0.0.0', '::']) {
    const refused = await server.bulkhead(['serve', '--set', 'auth.mode=none', '--host', host]);
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toContain('beyond loopback, and auth.mode is none');
  }
});

async function json(path: string, headers: Record<string, string>): Promise<unknown> {
  const answer = await server.request(path, { headers });
  expect(answer.status).toBe(200);
  return JSON.parse(await answer.text());
}

async function ids(query: string, headers: Record<string, string>): Promise<string[]> {
  const answer = await server.request(`/ga4gh/tes/v1/tasks${query}`, { headers });
  const { tasks }: { tasks: TesTask[] } = JSON.parse(await answer.text());
  return tasks.map(({ id }) => id);
}

async function ended(id: string, headers: Record<string, string>): Promise<TesTask> {
  let found: TesTask | undefined;
  await until(
    async () => {
      const answer = await server.request(`/ga4gh/tes/v1/tasks/${id}?view=FULL`, { headers });
      const seen: TesTask = JSON.parse(await answer.text());
      found = seen;
      return ['COMPLETE', 'EXECUTOR_ERROR', 'SYSTEM_ERROR'].includes(seen.state);
    },
    { timeoutMs: 60_000, what: `the end of ${id}` },
  );
  if (found === undefined) throw new Error('not read');
  return found;
}

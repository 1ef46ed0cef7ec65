import { existsSync } from 'node:fs';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { startServer, type TestServer } from '../fixtures/server.ts';
import { until } from '../poll.ts';

let server: TestServer | undefined;
afterEach(async () => {
  await server?.stop();
});

const RULES = [
  {
    id: 'lab-root',
    match: { groups: ['lab'], images: ['busybox'] },
    ceilings: { profile: 'mapped-root' },
    storage: { write: ['/'] },
  },
  { id: 'no-users', match: { images: ['busybox:user'] }, refuse: 'this image is not for here' },
  { id: 'quiet', defaults: { pids: 33 } },
];
const POLICY = {
  defaults: { disk_gb: 0.125, ram_gb: 0.25, cpu_cores: 0.5 },
  rules: RULES,
  storage: { write: [] },
};

interface Caller {
  readonly token: string;
}

async function callerIn(at: TestServer, name: string, groups: readonly string[]): Promise<Caller> {
  const options = groups.flatMap((group) => ['--group', group]);
  const made = await at.bulkhead(['user', 'token', name, '--new', ...options]);
  if (made.code !== 0) throw new Error(made.stderr);
  return { token: made.stdout.trim() };
}

async function create(
  at: TestServer,
  { token }: Caller,
  document: object,
): Promise<{ status: number; id?: string; details: string[] }> {
  const answer = await at.request('/ga4gh/tes/v1/tasks', {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify(document),
  });
  const body: { id?: string; errors?: { detail: string }[] } = JSON.parse(await answer.text());
  return {
    status: answer.status,
    ...(body.id !== undefined && { id: body.id }),
    details: (body.errors ?? []).map(({ detail }) => detail),
  };
}

/** The server is stopped after each test, by somebody who may not cancel what callers own. */
async function endOf(at: TestServer, { token }: Caller, id = ''): Promise<{ state?: string }> {
  let seen: { state?: string } = {};
  await until(
    async () => {
      const path = `/ga4gh/tes/v1/tasks/${id}?view=FULL`;
      const answer = await at.request(path, { headers: { authorization: `Bearer ${token}` } });
      seen = JSON.parse(await answer.text());
      return !['QUEUED', 'INITIALIZING', 'RUNNING'].includes(seen.state ?? '');
    },
    { timeoutMs: 60_000, what: 'the end of the task' },
  );
  return seen;
}

function task(command: readonly string[], image = 'busybox:latest', rest: object = {}): object {
  return { executors: [{ image, command }], ...rest };
}

const ROOT = { resources: { backend_parameters: { sandbox_profile: 'mapped-root' } } };

describe('a site with rules', () => {
  it('grants by who asks and which image, refuses in its own words, and names the rule in all of it', async () => {
    const at = await startServer({ auth: { mode: 'basic' }, policy: POLICY });
    server = at;
    const [ann, eve] = [await callerIn(at, 'ann', ['lab']), await callerIn(at, 'eve', [])];
    const chown = ['sh', '-c', 'touch /x && chown 5:6 /x && stat -c %u:%g /x'];

    const granted = await create(at, ann, task(chown, 'busybox:latest', ROOT));
    expect(granted.status).toBe(200);
    expect(await endOf(at, ann, granted.id)).toMatchObject({
      state: 'COMPLETE',
      logs: [
        {
          logs: [{ stdout: '5:6\n' }],
          metadata: { sandbox_profile: 'mapped-root', sandbox_rules: 'lab-root,quiet' },
        },
      ],
    });

    expect(await create(at, eve, task(chown, 'busybox:latest', ROOT))).toEqual({
      status: 400,
      details: ['asked root-mapped, the ceiling is root-capless (policy.defaults.profile: standard)'],
    });
    expect((await create(at, ann, task(['true'], 'busybox:user'))).details).toEqual([
      'this image is not for here (rule no-users)',
    ]);
    const output = { outputs: [{ url: join(at.files, 'x'), path: '/x' }] };
    const writing = await create(at, ann, task(['touch', '/x'], 'busybox:latest', output));
    expect(await endOf(at, ann, writing.id)).toMatchObject({ state: 'COMPLETE' });
    expect(existsSync(join(at.files, 'x'))).toBe(true);
    expect((await create(at, eve, task(['true'], 'busybox:latest', output))).details).toEqual([
      `asked to write ${at.files}/x; the ceiling is nothing (policy.storage.write)`,
    ]);
  }, 120_000);

  it('reads them again at SIGHUP, as a whole or not at all', async () => {
    const at = await startServer({ policy: POLICY });
    server = at;
    const nobody = { token: '' };
    const ask = { resources: { backend_parameters: { sandbox_pids: '34' } } };
    const tried = (): ReturnType<typeof create> => create(at, nobody, task(['true'], 'busybox:latest', ask));
    expect((await tried()).details).toEqual(['asked 34, the ceiling is 33 (rule quiet: defaults.pids)']);

    await change(at, (config) => ({
      ...config,
      policy: { ...POLICY, rules: [{ id: 'loud', defaults: { pids: 34 } }] },
    }));
    await said(at, 'the policy was read again and is in force', 1);
    expect((await tried()).status).toBe(200);
    expect(await at.log()).toContain('loud');

    await change(at, (config) => ({
      ...config,
      policy: { ...POLICY, rules: [{ id: 'broken', defaults: { pids: 'many' } }] },
    }));
    await said(at, 'stays as it was', 1);
    expect(await at.log()).toContain('policy.rules[0].defaults.pids');
    expect((await tried()).status).toBe(200);

    await writeFile(at.configFile, 'policy: {');
    process.kill(at.pid, 'SIGHUP');
    await said(at, 'stays as it was', 2);
    expect((await tried()).status).toBe(200);
  }, 120_000);

  it('tells what else has changed, which it doesn’t do', async () => {
    const at = await startServer({ policy: POLICY });
    server = at;
    await change(at, (config) => ({ ...config, limits: { stdio_bytes: '2MiB' } }));
    await said(at, 'counts from the next start', 1);
    expect(await at.log()).toContain('limits');
    expect((await at.run({ executors: [{ image: 'busybox:latest', command: ['true'] }] })).state).toBe(
      'COMPLETE',
    );
  }, 120_000);
});

async function change(
  at: TestServer,
  to: (config: Record<string, unknown>) => Record<string, unknown>,
): Promise<void> {
  const config: Record<string, unknown> = JSON.parse(await readFile(at.configFile, 'utf8'));
  await writeFile(`${at.configFile}.new`, JSON.stringify(to(config)));
  await rename(`${at.configFile}.new`, at.configFile);
  process.kill(at.pid, 'SIGHUP');
}

async function said(at: TestServer, words: string, times: number): Promise<void> {
  await until(async () => (await at.log()).split(words).length > times, {
    timeoutMs: 30_000,
    what: `"${words}" in the log`,
  });
}

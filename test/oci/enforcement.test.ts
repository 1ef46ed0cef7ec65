/**
 * A host that can't enforce a control, and what a site makes of it. An overlay can't be id-mapped: where the store of images
 * is on one, tasks share one range of host ids.
 */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { tracesOfServer } from '../e2e/traces.ts';
import { startServer, type TestServer } from '../fixtures/server.ts';
import { until } from '../poll.ts';
import { exits, sh, told } from './tasks.ts';

const LACKING = /does not enforce id-range, .*policy\.require_enforced/;

let folder: string;
let server: TestServer;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bulkhead-narrow-'));
  const [lower, upper, work, store] = ['lower', 'upper', 'work', 'store'].map((name) => join(folder, name));
  for (const path of [lower, upper, work, store]) await mkdir(path ?? '');
  const layers = `lowerdir=${lower},upperdir=${upper},workdir=${work}`;
  await promisify(execFile)('/bin/mount', ['-t', 'overlay', '-o', layers, 'none', store ?? '']);
  server = await startServer({ images: { store }, backend: { slots: 1 } });
});
afterAll(async () => {
  await server.stop();
  expect(await tracesOfServer(server)).toEqual([]);
  await promisify(execFile)('/bin/umount', [join(folder, 'store')]);
  await rm(folder, { recursive: true });
});

test('what is not enforced is told by name, in the task and whole', async () => {
  const task = await server.run({ executors: [sh(['true'])] });
  expect(task.state).toBe('COMPLETE');
  expect(task.logs?.[0]?.metadata).toMatchObject({
    sandbox_unenforced: 'id-range',
    sandbox_grade: 'observed',
  });
  const answer = await server.request(`/bulkhead/v1/tasks/${task.id}/sandbox`);
  expect(JSON.parse(await answer.text())).toMatchObject({
    attempts: [{ executors: [{ evidence: { unenforced: ['id-range'] } }] }],
  });
});

describe('where the site demands that all is enforced', () => {
  test('what was queued before ends before its first instruction, and what runs goes on', async () => {
    const running = await server.create({
      executors: [sh(['sh', '-c', 'until [ -e /tmp/go ]; do sleep 0.1; done'])],
    });
    await until(async () => (await server.get(running)).state === 'RUNNING', {
      what: 'the first task to run',
    });
    const queued = await server.create({ executors: [sh(['echo', 'ran'])] });
    await demand({ require_enforced: true });
    expect((await server.get(running)).state).toBe('RUNNING');
    await server.request(`/ga4gh/tes/v1/tasks/${running}:cancel`, { method: 'POST' });
    expect((await server.ended(running)).state).toBe('CANCELED');
    const task = await server.ended(queued);
    expect({ state: task.state, exits: exits(task) }).toEqual({ state: 'SYSTEM_ERROR', exits: [] });
    expect(told(task)).toMatch(LACKING);
  });

  test('a task is refused with the name of what is missing', async () => {
    await demand({ require_enforced: true });
    const answer = await server.request('/ga4gh/tes/v1/tasks', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ executors: [sh(['true'])] }),
    });
    expect(answer.status).toBe(400);
    expect(JSON.parse(await answer.text())).toMatchObject({
      type: 'urn:bulkhead:problem:refused',
      errors: [{ detail: expect.stringMatching(LACKING) }],
    });
  });

  test('but for what may be missing', async () => {
    await demand({ require_enforced: true, may_be_unenforced: ['id-range'] });
    const task = await server.run({ executors: [sh(['echo', 'ran'])] });
    expect(task.state).toBe('COMPLETE');
    expect(task.logs?.[0]?.metadata).toMatchObject({ sandbox_unenforced: 'id-range' });
  });
});

/** The server is stopped, and started again with another policy. */
async function demand(enforcement: object): Promise<void> {
  await server.leave('SIGTERM');
  const config: { policy: object } = JSON.parse(await readFile(server.configFile, 'utf8'));
  await writeFile(
    server.configFile,
    JSON.stringify({ ...config, policy: { ...config.policy, ...enforcement } }),
  );
  await server.serveAgain();
}

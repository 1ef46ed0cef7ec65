/** A server whose data folder is on a small ext4 file system of its own, which the test fills and empties. */
import { execFileSync } from 'node:child_process';
import { closeSync, ftruncateSync, mkdirSync, openSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startServer } from '../fixtures/server.ts';
import type { TestServer } from '../fixtures/server.ts';
import { until } from '../poll.ts';

const MEBIBYTE = 2 ** 20;
const SLEEP = { executors: [{ image: 'busybox', command: ['sleep', '300'] }] };
const TRUE = { executors: [{ image: 'busybox', command: ['true'] }] };

function mountSmallDisk(folder: string): void {
  const image = join(folder, 'data.img');
  const file = openSync(image, 'w');
  ftruncateSync(file, 256 * MEBIBYTE);
  closeSync(file);
  execFileSync('mke2fs', ['-q', '-F', '-t', 'ext4', '-m', '0', image]);
  mkdirSync(join(folder, 'data'));
  execFileSync('mount', ['-o', 'loop', image, join(folder, 'data')]);
}

async function isReady(server: TestServer, expected: object): Promise<void> {
  await until(
    async () => {
      const answer = await server.request('/bulkhead/v1/health/ready');
      const seen = { http: answer.status, ...JSON.parse(await answer.text()) };
      return Object.entries(expected).every(([key, value]) => seen[key] === value);
    },
    { timeoutMs: 30_000, what: `health to be ${JSON.stringify(expected)}` },
  );
}

test('with little room nothing new is started, with less nothing is taken, what runs goes on, and all of it passes by itself', async () => {
  let data = '';
  let started: TestServer | undefined;
  const fill = (mebibytes: number): void => {
    execFileSync('fallocate', ['-l', `${mebibytes}MiB`, join(data, 'ballast')]);
  };
  try {
    started = await startServer((folder) => {
      mountSmallDisk(folder);
      data = join(folder, 'data');
      return {
        backend: { work: join(folder, 'work') },
        images: { store: join(folder, 'store') },
        limits: { free_disk: { starts: '40%', creates: '20%' } },
      };
    });
    const server = started;
    const running = await server.create(SLEEP);
    await until(async () => (await server.get(running)).state === 'RUNNING', {
      timeoutMs: 30_000,
      what: 'a start',
    });

    fill(150);
    await isReady(server, { http: 200, status: 'held' });
    const waiting = await server.create(TRUE);
    const { stdout } = await server.bulkhead(['drain', '--status', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({
      draining: false,
      running: 1,
      holds: [{ cause: 'disk', reason: expect.stringMatching(/bytes free.*limits\.free_disk\.starts/) }],
    });
    expect((await server.get(waiting)).state).toBe('QUEUED');
    expect(await server.log()).toContain('the disk is nearly full');

    fill(210);
    await isReady(server, { http: 503, status: 'failed' });
    const refused = await server.request('/ga4gh/tes/v1/tasks', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(TRUE),
    });
    expect(refused.status).toBe(503);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(30);
    expect(JSON.parse(await refused.text())).toMatchObject({ type: 'urn:bulkhead:problem:disk-full' });
    expect((await server.get(running)).state).toBe('RUNNING');

    rmSync(join(data, 'ballast'));
    expect((await server.ended(waiting)).state).toBe('COMPLETE');
    await isReady(server, { http: 200, status: 'ok' });
    expect((await server.run(TRUE)).state).toBe('COMPLETE');
    await server.request(`/ga4gh/tes/v1/tasks/${running}:cancel`, { method: 'POST' });
    await server.ended(running);
  } finally {
    await started?.leave('SIGTERM');
    if (data !== '') execFileSync('umount', [data]);
    await started?.stop();
  }
}, 120_000);

/** A server that is stopped by SIGSTOP, whose task another engine takes over meanwhile: this test, on its database. */
import { randomInt } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openSqliteStore } from '../../src/store/sqlite/sqlite.ts';
import { startServer, type TestServer } from '../fixtures/server.ts';
import { until } from '../poll.ts';
import { processesWith, tracesOfServer } from './traces.ts';

let server: TestServer;

beforeAll(async () => {
  server = await startServer();
});
afterAll(async () => {
  await server.stop();
  expect(await tracesOfServer(server)).toEqual([]);
});

/** As if so much time had passed that no lease holds any more. */
function endLeases(path: string): void {
  const database = new DatabaseSync(path, { timeout: 10_000 });
  database.exec('UPDATE leases SET expires_at = 0');
  database.close();
}

it('ends nothing of what was taken over, and goes on with it once the other engine has gone', async () => {
  const seconds = String(randomInt(1e8, 1e9));
  const path = join(server.folder, 'data', 'bulkhead.sqlite');
  const id = await server.create({
    volumes: ['/o'],
    executors: [
      {
        image: 'busybox:latest',
        command: ['sh', '-c', `echo began >> /o/file; exec sleep ${seconds}`],
        ignore_error: true,
      },
    ],
    outputs: [{ url: join(server.files, 'out'), path: '/o/file' }],
  });
  await until(async () => (await processesWith(seconds)).length > 0, { what: 'the task to run' });
  await until(async () => (await server.get(id)).state === 'RUNNING', { what: 'it to be on record' });

  process.kill(server.pid, 'SIGSTOP');
  const other = await openSqliteStore({ path, busyTimeoutMs: 10_000 });
  try {
    endLeases(path);
    expect(await other.takeOver({ holder: 'another', leaseMs: 3_600_000, own: false })).toMatchObject([
      { id },
    ]);
    process.kill(server.pid, 'SIGCONT');
    for (const pid of await processesWith(seconds)) process.kill(pid, 'SIGTERM');
    await until(async () => (await server.log()).includes('another engine has the task'), {
      timeoutMs: 30_000,
      what: 'the server to learn of it',
    });
    expect((await other.get(id, { view: 'FULL' }))?.state).toBe('RUNNING');
    expect((await other.events(id)).map(({ to }) => to)).toEqual(['QUEUED', 'INITIALIZING', 'RUNNING']);
  } finally {
    process.kill(server.pid, 'SIGCONT');
    endLeases(path);
    await other.close();
  }
  // The server looks for leases that are over every ten seconds.
  const task = await server.ended(id);
  expect(task).toMatchObject({ state: 'COMPLETE', logs: [{ logs: [{ exit_code: 143 }] }] });
  expect(task.logs).toHaveLength(1);
  expect(await readFile(join(server.files, 'out'), 'utf8')).toBe('began\n');
});

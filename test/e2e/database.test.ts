import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startServer, type TestServer } from '../fixtures/server.ts';
import { tracesOfServer } from './traces.ts';

/** A database that can't be used, under a real server. */
let server: TestServer;
let file: string;
beforeEach(async () => {
  server = await startServer();
  file = join(server.folder, 'data', 'bulkhead.sqlite');
});
afterEach(async () => {
  await server.stop();
  expect(await tracesOfServer(server)).toEqual([]);
});

const TRUE = { executors: [{ image: 'busybox:latest', command: ['true'] }] };

test('one that another program locks refuses new tasks for now, loses none, and what runs comes to its end', async () => {
  const running = await server.create({
    executors: [{ image: 'busybox:latest', command: ['sh', '-c', 'sleep 3; echo done'] }],
  });
  using other = new DatabaseSync(file);
  other.exec('BEGIN IMMEDIATE');
  const refused = await server.request('/ga4gh/tes/v1/tasks', {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': 'again' },
    body: JSON.stringify(TRUE),
  });
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '5']);
  expect(await refused.text()).not.toContain(server.folder);
  expect(await server.log()).toContain('is locked by another program');
  other.exec('ROLLBACK');
  const id = await server.create(TRUE, { 'idempotency-key': 'again' });
  expect((await server.ended(id)).state).toBe('COMPLETE');
  expect(await server.ended(running)).toMatchObject({
    state: 'COMPLETE',
    logs: [{ logs: [{ stdout: 'done\n' }] }],
  });
});

test('one of a newer program is refused at the start, and stays as it was', async () => {
  const id = await server.create(TRUE);
  await server.ended(id);
  await server.leave('SIGTERM');
  alter(file, "INSERT INTO schema_version VALUES (9999, 'of a later program', '')");
  const before = await readFile(file);
  const { code, stderr } = await server.bulkhead(['serve', '--config', server.configFile]);
  expect(code).not.toBe(0);
  expect(stderr).toContain(`The database ${file} has schema version 9999`);
  expect(await readFile(file)).toEqual(before);
  alter(file, 'DELETE FROM schema_version WHERE version = 9999');
  await server.serveAgain();
  expect((await server.get(id)).state).toBe('COMPLETE');
});

test('what is no database is refused at the start, and stays as it was', async () => {
  await server.leave('SIGTERM');
  const before = await readFile(file);
  await writeFile(file, 'no database, but something that somebody may want back\n'.repeat(100));
  const { code, stderr } = await server.bulkhead(['serve', '--config', server.configFile]);
  expect(code).not.toBe(0);
  expect(stderr).toContain(file);
  expect(stderr).toContain('restore');
  expect(await readFile(file, 'utf8')).toMatch(/^no database/);
  await writeFile(file, before);
  await server.serveAgain();
});

function alter(path: string, statement: string): void {
  using database = new DatabaseSync(path);
  database.exec(statement);
}

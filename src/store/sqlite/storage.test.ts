/** What is read and what is written, seen by its effect on the database itself. */
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { fullAttempt, fullTask, newTask, taskIn } from '../../../test/contract/store-samples.ts';
import type { BulkheadError } from '../../errors.ts';
import type { Store } from '../store.ts';
import { openSqliteStore } from './sqlite.ts';

let folder: string;
let path: string;
let store: Store;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bulkhead-storage-'));
  path = join(folder, 'store.db');
  store = await openSqliteStore({ path });
});

afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
});

function logBytes(): number {
  return statSync(`${path}-wal`).size;
}

function alter(sql: string): void {
  const database = new DatabaseSync(path);
  database.exec(sql);
  database.close();
}

test('BASIC reads neither contents nor texts: it works without them, and FULL doesn’t', async () => {
  const { id } = await store.create(fullTask());
  await store.saveAttempt(id, fullAttempt());
  alter('DROP TABLE contents; DROP TABLE attempt_texts');
  expect((await store.get(id, { view: 'BASIC' }))?.attempts).toHaveLength(1);
  expect((await store.list({ view: 'BASIC', pageSize: 9 })).tasks).toHaveLength(1);
  await expect(store.get(id, { view: 'FULL' })).rejects.toMatchObject({ code: 'internal' });
});

test('MINIMAL and the queue read no document: they work without it, and BASIC doesn’t', async () => {
  const { id } = await store.create(fullTask());
  alter('DROP TABLE contents; DROP TABLE attempt_texts; DROP TABLE attempts; DROP TABLE documents');
  expect(await store.get(id, { view: 'MINIMAL' })).toMatchObject({ state: 'QUEUED' });
  expect((await store.list({ view: 'MINIMAL', pageSize: 9 })).tasks).toHaveLength(1);
  expect(await store.queued({ limit: 9 })).toHaveLength(1);
  await expect(store.get(id, { view: 'BASIC' })).rejects.toMatchObject({ code: 'internal' });
});

test('saving an attempt again writes what changed: not its large texts', async () => {
  const { id } = await taskIn('RUNNING', store);
  const stdout = 'x'.repeat(2 ** 20);
  const attempt = fullAttempt({ executors: [{ index: 0, startedAt: 1, stdout }] });
  const before = logBytes();
  await store.saveAttempt(id, attempt);
  const first = logBytes();
  expect(first - before).toBeGreaterThan(2 ** 20);
  await store.saveAttempt(id, attempt);
  expect(logBytes()).toBe(first);
  await store.saveAttempt(id, { ...attempt, systemLogs: ['one more'] });
  expect(logBytes()).toBeGreaterThan(first);
  expect(logBytes() - first).toBeLessThan(2 ** 16);
  expect((await store.get(id, { view: 'FULL' }))?.attempts[0]?.executors[0]?.stdout).toBe(stdout);
});

test('a purge leaves no row behind', async () => {
  for (let index = 0; index < 3; index += 1) {
    const { id } = await taskIn('COMPLETE', store, fullTask({ idempotencyKey: `k${index}` }));
    await store.saveAttempt(id, fullAttempt());
  }
  expect(await store.purge({ endedBefore: Number.MAX_SAFE_INTEGER, limit: 10 })).toHaveLength(3);
  const database = new DatabaseSync(path);
  const tables = database
    .prepare(
      "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> 'schema_version'",
    )
    .all();
  expect(tables.length).toBeGreaterThan(7);
  for (const { name } of tables) {
    expect(database.prepare(`SELECT count(*) AS count FROM "${String(name)}"`).get(), String(name)).toEqual({
      count: 0,
    });
  }
  database.close();
  const { id } = await store.create(newTask());
  // A place that was used is never used again.
  expect((await store.get(id, { view: 'MINIMAL' }))?.sequence).toBe(4);
});

test('lists go on while a writer is in its transaction', async () => {
  await store.create(newTask());
  const other = new DatabaseSync(path);
  other.exec("BEGIN IMMEDIATE; UPDATE tasks SET state = 'RUNNING'");
  const create = store.create(newTask({ id: 'waits' }));
  expect((await store.list({ view: 'FULL', pageSize: 9, state: 'QUEUED' })).tasks).toHaveLength(1);
  other.exec('ROLLBACK');
  other.close();
  await create;
  expect(await store.counts()).toEqual({ QUEUED: 2 });
});

test('a thread that dies fails what is under way and what comes later, and the store still closes', async () => {
  const deaths: BulkheadError[] = [];
  const small = await openSqliteStore({
    path: join(folder, 'small.db'),
    heapMegabytes: 24,
    onDeath: (error) => deaths.push(error),
  });
  try {
    const kept = newTask();
    await small.create(kept);
    // More than the thread's heap holds: Node ends a worker whose memory is used up.
    const content = Array.from({ length: 64 }, () => ({ path: '/a', content: '\u20ac'.repeat(2 ** 19) }));
    const large = newTask({ document: { executors: [], inputs: content } });
    const answers = await Promise.allSettled([
      small.create(large),
      small.create(newTask()),
      small.create(newTask()),
    ]);
    for (const answer of answers) {
      expect(answer).toMatchObject({
        status: 'rejected',
        reason: { code: 'store', message: expect.stringContaining('died') },
      });
    }
    await expect(small.create(newTask())).rejects.toMatchObject({ code: 'store' });
    await expect(small.get(kept.id, { view: 'FULL' })).rejects.toMatchObject({ code: 'store' });
    expect(deaths).toMatchObject([{ code: 'store', message: expect.stringContaining('writer') }]);
  } finally {
    await small.close();
  }
  const again = await openSqliteStore({ path: join(folder, 'small.db') });
  expect(await again.counts()).toEqual({ QUEUED: 1 });
  await again.close();
});

test('its files are for the server’s user alone', () => {
  const files = readdirSync(folder);
  expect(files.length).toBeGreaterThanOrEqual(3);
  for (const file of files) expect(statSync(join(folder, file)).mode & 0o077, file).toBe(0);
});

test('what can’t be sent to a thread fails its call, not the server', async () => {
  const change = { id: 'a', from: 'QUEUED', to: 'CANCELED', at: 1, extra: () => 1 } as const;
  await expect(store.transition(change)).rejects.toMatchObject({ code: 'internal' });
  await store.create(newTask());
});

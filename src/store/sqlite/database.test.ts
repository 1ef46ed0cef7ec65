import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { newTask } from '../../../test/contract/store-samples.ts';
import { openSqliteStore } from './sqlite.ts';

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bulkhead-database-'));
  path = join(folder, 'store.db');
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

/** Opens the store, which must fail. */
async function refusal(busyTimeoutMs = 50): Promise<unknown> {
  return openSqliteStore({ path, busyTimeoutMs }).then(
    async (store) => {
      await store.close();
      throw new Error('the store opened');
    },
    (error: unknown) => error,
  );
}

async function makeStore(): Promise<void> {
  const store = await openSqliteStore({ path });
  await store.create(newTask({ id: 'kept' }));
  await store.close();
}

function alter<T>(change: (database: DatabaseSync) => T): T {
  const database = new DatabaseSync(path);
  try {
    return change(database);
  } finally {
    database.close();
  }
}

describe('a database that can’t be used is refused', () => {
  test('newer than the program, naming both versions', async () => {
    await makeStore();
    alter((database) => database.exec("INSERT INTO schema_version VALUES (1234, '1234-later.sql', '')"));
    expect(await refusal()).toMatchObject({
      code: 'store-newer',
      message: expect.stringMatching(/version 1234.* up to 2\b/),
    });
  });

  test('locked by another program, and it opens once that is gone', async () => {
    await makeStore();
    const other = new DatabaseSync(path);
    other.exec('BEGIN EXCLUSIVE');
    expect(await refusal()).toMatchObject({ code: 'store-locked', message: expect.stringContaining(path) });
    other.close();
    const store = await openSqliteStore({ path });
    expect(await store.get('kept', { view: 'MINIMAL' })).toBeDefined();
    await store.close();
  });

  test('no database at all, and the file is left as it was', async () => {
    writeFileSync(path, 'not a database, but somebody’s only copy of something'.repeat(100));
    expect(await refusal()).toMatchObject({
      code: 'store',
      message: expect.stringMatching(/damaged.*backup/s),
    });
    expect(existsSync(`${path}-wal`)).toBe(false);
  });

  test('a database of another program, which is left as it was', async () => {
    alter((database) => database.exec('CREATE TABLE theirs (a)'));
    expect(await refusal()).toMatchObject({
      code: 'store',
      message: expect.stringContaining('another program'),
    });
    expect(alter((database) => database.prepare('PRAGMA application_id').get())).toEqual({
      application_id: 0,
    });
    expect(alter((database) => database.prepare('PRAGMA journal_mode').get())).toEqual({
      journal_mode: 'delete',
    });
  });

  test('damaged, with the way to what is left', async () => {
    await makeStore();
    const { page_size: pageSize } = alter((database) => database.prepare('PRAGMA page_size').get()) ?? {};
    const pages = alter((database) => database.prepare('PRAGMA page_count').get())?.['page_count'];
    expect(Number(pages)).toBeGreaterThan(2);
    // All but the first page, so that it is the schema's tables that are broken.
    writeFileSync(path, readFileSync(path).fill(0xa5, Number(pageSize)));
    expect(await refusal()).toMatchObject({
      code: 'store',
      message: expect.stringMatching(/damaged.*\.recover/s),
    });
  });

  test('in a folder that isn’t there', async () => {
    path = join(folder, 'missing', 'store.db');
    expect(await refusal()).toMatchObject({
      code: 'store',
      message: expect.stringContaining('Its folder must exist'),
    });
  });

  test('a folder in its place', async () => {
    mkdirSync(path);
    expect(await refusal()).toMatchObject({ code: 'store' });
  });
});

test('a locked database fails the writes that meet it, and reads and later writes go on', async () => {
  const store = await openSqliteStore({ path, busyTimeoutMs: 50 });
  await store.create(newTask({ id: 'before' }));
  const other = new DatabaseSync(path);
  other.exec('BEGIN IMMEDIATE');
  await expect(Promise.all([store.create(newTask()), store.create(newTask())])).rejects.toMatchObject({
    code: 'store-locked',
  });
  expect(await store.get('before', { view: 'MINIMAL' })).toBeDefined();
  other.close();
  await store.create(newTask({ id: 'after' }));
  expect(await store.counts()).toEqual({ QUEUED: 2 });
  await store.close();
});

test('tables are strict, commits are durable, and every migration is recorded', async () => {
  await makeStore();
  const tables = alter((database) =>
    database
      .prepare(
        "SELECT name, strict FROM pragma_table_list WHERE schema = 'main' AND name NOT LIKE 'sqlite_%'",
      )
      .all(),
  );
  expect(tables.length).toBeGreaterThan(8);
  for (const table of tables) expect(table['strict'], String(table['name'])).toBe(1);
  expect(alter((database) => database.prepare('SELECT version, name FROM schema_version').all())).toEqual([
    { version: 1, name: '0001-tasks.sql' },
    { version: 2, name: '0002-leases.sql' },
  ]);
  expect(alter((database) => database.prepare('PRAGMA journal_mode').get())).toEqual({ journal_mode: 'wal' });
});

test('a file with another mode is still opened by who may', async () => {
  await makeStore();
  chmodSync(path, 0o600);
  const store = await openSqliteStore({ path });
  await store.close();
});

import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { BackupProgress } from '../../src/store/backup.ts';
import { openBackupShelf } from '../../src/store/backup-shelf.ts';
import { createSqliteBackups } from '../../src/store/sqlite/backup.ts';
import { lockDataFolder } from '../../src/store/sqlite/lock.ts';
import { restoreDatabase } from '../../src/store/sqlite/restore.ts';
import { openSqliteStore } from '../../src/store/sqlite/sqlite.ts';
import { fullTask, newTask } from '../contract/store-samples.ts';
import { until } from '../poll.ts';
import { startChild } from './child.ts';

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bulkhead-backup-'));
  path = join(folder, 'bulkhead.sqlite');
});

afterEach(() => rmSync(folder, { recursive: true }));

const FOR_EVER = new AbortController().signal;

async function backUp(to: string, progress: (progress: BackupProgress) => void = () => undefined) {
  return await createSqliteBackups({ path }).backup(to, { progress, signal: FOR_EVER });
}

function restore(from: string, name: string, force = false) {
  return restoreDatabase({
    from,
    dataFolder: join(folder, name),
    force,
    now: new Date('2026-01-02T03:04:05.678Z'),
  });
}

async function withTasks(count: number): Promise<string[]> {
  const store = await openSqliteStore({ path });
  const ids: string[] = [];
  for (let index = 0; index < count; index += 1) ids.push((await store.create(fullTask())).id);
  await store.close();
  return ids;
}

test('a backup of a store that is written to all the time has every task that was acknowledged before it began', async () => {
  const writer = startChild('./writer.ts', [path, '8']);
  try {
    await until(() => writer.lines.length > 300, { what: 'some tasks' });
    const before = writer.lines.filter((line) => line.startsWith('create ')).map((line) => line.slice(7));
    const linesBefore = writer.lines.length;
    const seen: BackupProgress[] = [];
    const report = await backUp(join(folder, 'copy'), (progress) => seen.push(progress));
    // The writer was not held up until the backup was done.
    await until(() => writer.lines.length > linesBefore, { what: 'the writer to go on' });
    writer.process.kill('SIGKILL');
    await writer.ended;

    expect(seen.at(-1)?.copiedPages).toBe(seen.at(-1)?.totalPages);
    expect(report.tasks).toBeGreaterThanOrEqual(before.length);
    const bytes = readFileSync(join(folder, 'copy'));
    expect(report).toMatchObject({
      bytes: bytes.length,
      sha256: createHash('sha256').update(bytes).digest('hex'),
    });
    expect(statSync(join(folder, 'copy')).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder).filter((name) => name.startsWith('copy'))).toEqual(['copy']);

    const restored = restore(join(folder, 'copy'), 'other');
    expect(restored.tasks).toBe(report.tasks);
    const store = await openSqliteStore({ path: restored.database });
    for (const id of before) expect(await store.get(id, { view: 'FULL' }), id).toBeDefined();
    await store.create(newTask());
    await store.close();
  } finally {
    writer.process.kill('SIGKILL');
  }
});

test('a backup that is given up leaves no file, and neither does one that fails', async () => {
  await withTasks(1);
  const to = join(folder, 'copy');
  const signal = AbortSignal.abort();
  const source = createSqliteBackups({ path });
  await expect(source.backup(to, { progress: () => undefined, signal })).rejects.toMatchObject({
    code: 'canceled',
  });
  const controller = new AbortController();
  const begun = source.backup(to, { progress: () => undefined, signal: controller.signal });
  controller.abort();
  await expect(begun).rejects.toMatchObject({ code: 'canceled' });
  expect(existsSync(to)).toBe(false);
  await expect(backUp(join(folder, 'missing', 'copy'))).rejects.toThrow();
});

test('a database that is there stays, or is kept aside whole where that is asked for', async () => {
  const [first = ''] = await withTasks(1);
  await backUp(join(folder, 'copy'));
  const [second = ''] = await withTasks(1);
  const same = (force: boolean) =>
    restoreDatabase({
      from: join(folder, 'copy'),
      dataFolder: folder,
      force,
      now: new Date('2026-01-02T03:04:05.678Z'),
    });
  expect(() => same(false)).toThrow(/--force/);
  const { database, keptAside } = same(true);
  expect(keptAside).toBe(`${database}.before-restore-20260102T030405Z`);
  expect([await has(database, first), await has(database, second)]).toEqual([true, false]);
  expect(await has(String(keptAside), second)).toBe(true);
  expect(statSync(database).mode & 0o777).toBe(0o600);
});

test('nothing is restored under a running server, from a newer program, or from what is damaged or another\u2019s', async () => {
  await withTasks(3);
  const copy = join(folder, 'copy');
  await backUp(copy);
  const other = join(folder, 'other');
  const lock = lockDataFolder(other);
  expect(() => restore(copy, 'other')).toThrow(/in use by another server/);
  lock.release();

  const newer = new DatabaseSync(copy);
  newer.exec("INSERT INTO schema_version VALUES (999, 'later', '')");
  newer.close();
  expect(() => restore(copy, 'other')).toThrow(/schema version 999/);

  const damaged = join(folder, 'damaged');
  await backUp(damaged);
  const bytes = readFileSync(damaged);
  bytes.fill(0xff, 4096, bytes.length - 4096);
  writeFileSync(damaged, bytes);
  expect(() => restore(damaged, 'other')).toThrow();
  writeFileSync(join(folder, 'text'), 'no database');
  expect(() => restore(join(folder, 'text'), 'other')).toThrow();
  new DatabaseSync(join(folder, 'foreign')).close();
  expect(() => restore(join(folder, 'foreign'), 'other')).toThrow(/not a database of this program/);
  expect(() => restore(join(folder, 'nothing'), 'other')).toThrow(/no file/);
  expect(readdirSync(other).filter((name) => name.startsWith('bulkhead.sqlite'))).toEqual([]);
});

test('the shelf holds one backup, until it is fetched or another is made', async () => {
  await withTasks(2);
  const shelf = await openBackupShelf({
    source: createSqliteBackups({ path }),
    folder: join(folder, 'shelf'),
  });
  const first = await shelf.make(() => undefined, FOR_EVER);
  const both = await Promise.allSettled([
    shelf.make(() => undefined, FOR_EVER),
    shelf.make(() => undefined, FOR_EVER),
  ]);
  expect(both.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
  expect(both[1]).toMatchObject({ reason: { code: 'conflict' } });
  expect(await shelf.open(first.id)).toBeUndefined();
  const [second = ''] = readdirSync(join(folder, 'shelf'));
  const opened = await shelf.open(second);
  expect(opened?.bytes).toBe(first.bytes);
  opened?.stream.destroy();
  expect(await shelf.open('../bulkhead.sqlite')).toBeUndefined();
  await shelf.remove(second);
  expect(readdirSync(join(folder, 'shelf'))).toEqual([]);
});

async function has(file: string, id: string): Promise<boolean> {
  const store = await openSqliteStore({ path: file });
  const task = await store.get(id, { view: 'MINIMAL' });
  await store.close();
  return task !== undefined;
}

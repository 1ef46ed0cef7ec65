import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { openSqliteStore } from '../../src/store/sqlite/sqlite.ts';
import { startChild } from './child.ts';

const ROUNDS = 12;

test('every write that was answered is there after kill -9, round after round on one database', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-durability-'));
  const path = join(folder, 'store.db');
  const answered: string[] = [];
  try {
    for (let round = 1; round <= ROUNDS; round += 1) {
      const child = startChild('./writer.ts', [path, String(round % 3 === 0 ? 1 : 32)]);
      // Another moment in each round: after so many answers, in the middle of what follows.
      await child.line(() => child.lines.length >= round * 37);
      child.process.kill('SIGKILL');
      await child.ended;
      answered.push(...child.lines);
      await assertStored(path, answered);
    }
    expect(answered.length).toBeGreaterThan(1_000);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

async function assertStored(path: string, answered: readonly string[]): Promise<void> {
  const store = await openSqliteStore({ path });
  try {
    for (const line of answered) {
      const [what, id = ''] = line.split(' ');
      const task = await store.get(id, { view: 'FULL' });
      expect(task, line).toBeDefined();
      if (what === 'running') expect(task, line).toMatchObject({ state: 'RUNNING' });
      if (what === 'attempt') expect(task?.attempts, line).toHaveLength(2);
    }
  } finally {
    await store.close();
  }
  const database = new DatabaseSync(path);
  expect(database.prepare('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' });
  expect(database.prepare('PRAGMA foreign_key_check').all()).toEqual([]);
  database.close();
}

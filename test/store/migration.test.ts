/** A database of an earlier release is opened by this one, with all that is in it. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { openSqliteStore } from '../../src/store/sqlite/sqlite.ts';
import { fullAttempt, newTask, WAYS } from '../contract/store-samples.ts';

test('of version 1: tasks are as they were, and what was under way can be taken over, and only then be written', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-migration-'));
  const path = join(folder, 'store.db');
  const old = new DatabaseSync(path, { enableForeignKeyConstraints: false });
  old.exec(readFileSync(new URL('./version-1.sql', import.meta.url), 'utf8'));
  expect(old.prepare('SELECT max(version) AS version FROM schema_version').get()).toEqual({ version: 1 });
  old.close();
  const store = await openSqliteStore({ path });
  try {
    for (const state of Object.keys(WAYS)) {
      const id = state.toLowerCase();
      const record = await store.get(id, { view: 'FULL' });
      expect(record).toMatchObject({ state, document: newTask().document });
      expect((await store.events(id)).at(-1)?.to).toBe(state);
    }
    const taken = await store.takeOver({ holder: 'new', leaseMs: 60_000, own: true });
    expect(taken.map(({ id }) => id).toSorted()).toEqual(['canceling', 'initializing', 'running']);
    await expect(store.saveAttempt('running', fullAttempt())).rejects.toMatchObject({ code: 'fenced' });
    const token = taken.find(({ id }) => id === 'running')?.token ?? -1;
    expect(await store.transition({ id: 'running', from: 'RUNNING', to: 'COMPLETE', at: 9, token })).toBe(
      true,
    );
    expect(await store.create(newTask({ idempotencyKey: 'key-queued' }))).toMatchObject({
      id: 'queued',
      replayed: true,
    });
  } finally {
    await store.close();
    rmSync(folder, { recursive: true });
  }
});

import type { DatabaseSync } from 'node:sqlite';
import { prepareList } from './list.ts';
import type { Handlers, ReadOperations } from './messages.ts';
import { toState } from './row.ts';
import { prepareTaskRows } from './task-rows.ts';

/** What the reading thread does. */
export function prepareReads(database: DatabaseSync): Handlers<ReadOperations> {
  const taskRows = prepareTaskRows(database);
  const find = database.prepare('SELECT sequence, owner FROM tasks WHERE id = ?');
  const selectQueued = database.prepare(
    `SELECT t.id, t.sequence, t.created_at, a.sandbox
     FROM tasks AS t INDEXED BY tasks_state JOIN admissions AS a USING (sequence)
     WHERE t.state = 'QUEUED' AND t.sequence > ? ORDER BY t.sequence LIMIT ?`,
  );
  const selectActive = database.prepare(
    `SELECT sequence FROM tasks INDEXED BY tasks_state
     WHERE state IN ('INITIALIZING', 'RUNNING', 'CANCELING') ORDER BY sequence`,
  );
  const selectEvents = database.prepare(
    `SELECT e.at, e.from_state, e.to_state, e.reason FROM tasks AS t JOIN events AS e USING (sequence)
     WHERE t.id = ? ORDER BY e.step`,
  );
  const selectCounts = database.prepare(
    'SELECT state, count(*) AS count FROM tasks INDEXED BY tasks_state GROUP BY state',
  );

  return {
    list: prepareList(database),
    get({ id, owner, view }) {
      const row = find.get(id);
      if (row === undefined || (owner !== undefined && row['owner'] !== owner)) return undefined;
      return taskRows([Number(row['sequence'])], view)[0];
    },
    queued({ limit, afterSequence }) {
      return selectQueued.all(afterSequence, limit).map((row) => ({
        id: String(row['id']),
        sequence: Number(row['sequence']),
        createdAt: Number(row['created_at']),
        sandbox: String(row['sandbox']),
      }));
    },
    active() {
      // One by one: together they may be larger than a page.
      return selectActive.all().flatMap((row) => taskRows([Number(row['sequence'])], 'FULL'));
    },
    events({ id }) {
      return selectEvents.all(id).map((row) => ({
        at: Number(row['at']),
        from: row['from_state'] === null ? null : toState(row['from_state']),
        to: toState(row['to_state']),
        reason: row['reason'] === null ? null : String(row['reason']),
      }));
    },
    counts() {
      return selectCounts.all().map((row) => ({ state: toState(row['state']), count: Number(row['count']) }));
    },
  };
}

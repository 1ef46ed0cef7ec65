import type { DatabaseSync } from 'node:sqlite';
import type { TaskEvent } from '../store.ts';

/** Appends to what happened to a task. */
export function prepareEvent(database: DatabaseSync): (sequence: number | bigint, event: TaskEvent) => void {
  const insert = database.prepare(
    `INSERT INTO events (sequence, step, at, from_state, to_state, reason)
     VALUES (?1, (SELECT coalesce(max(step), 0) + 1 FROM events WHERE sequence = ?1), ?2, ?3, ?4, ?5)`,
  );
  return (sequence, { at, from, to, reason }) => {
    insert.run(sequence, at, from, to, reason);
  };
}

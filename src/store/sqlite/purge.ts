import type { DatabaseSync } from 'node:sqlite';
import { indexedTags, parseDocument } from './document.ts';

/** Removes tasks that ended before a time, those that ended first at first. All but tags goes by foreign key. */
export function preparePurge(
  database: DatabaseSync,
): (options: { endedBefore: number; limit: number }) => string[] {
  const find = database.prepare(
    `SELECT sequence, id, body FROM tasks INDEXED BY tasks_ended JOIN documents USING (sequence)
     WHERE ended_at IS NOT NULL AND ended_at < ? ORDER BY ended_at LIMIT ?`,
  );
  const dropTag = database.prepare('DELETE FROM tags WHERE key = ? AND value = ? AND sequence = ?');
  const dropTask = database.prepare('DELETE FROM tasks WHERE sequence = ?');

  return ({ endedBefore, limit }) =>
    find.all(endedBefore, limit).map((row) => {
      const sequence = Number(row['sequence']);
      for (const { key, value } of indexedTags(parseDocument(String(row['body'])))) {
        dropTag.run(key, value, sequence);
      }
      dropTask.run(sequence);
      return String(row['id']);
    });
}

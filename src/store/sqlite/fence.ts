import type { DatabaseSync } from 'node:sqlite';
import { BulkheadError } from '../../errors.ts';

/**
 * A task's sequence for whoever may write to it: `fenced` is thrown where the token isn't that of its lease. Undefined
 * where there is no such task.
 */
export function prepareFencedFind(
  database: DatabaseSync,
): (id: string, token: number | undefined) => number | undefined {
  const find = database.prepare(
    'SELECT t.sequence, l.token FROM tasks AS t LEFT JOIN leases AS l USING (sequence) WHERE t.id = ?',
  );
  return (id, token) => {
    const row = find.get(id);
    if (row === undefined) return undefined;
    const current = row['token'] === null ? undefined : Number(row['token']);
    if (current !== token) throw fenced(id, token, current);
    return Number(row['sequence']);
  };
}

function fenced(id: string, token: number | undefined, current: number | undefined): BulkheadError {
  const given = token === undefined ? 'no token' : `token ${token}`;
  const lease = current === undefined ? 'it has no lease' : `its lease has token ${current}`;
  return new BulkheadError(
    'fenced',
    `Task ${id} was written to with ${given}, but ${lease}: another engine has taken it over, or it has ended. Leave it alone.`,
  );
}

import type { DatabaseSync } from 'node:sqlite';
import { prepareSaveAttempt } from './attempt.ts';
import { prepareEvent } from './event.ts';
import type { ClaimInput, WriteOperations } from './messages.ts';
import { toState } from './row.ts';
import type { Claimed, LeasedTask } from '../store.ts';

/** From QUEUED to INITIALIZING, with its event, its attempt and its lease. */
export function prepareClaim(database: DatabaseSync): (claim: ClaimInput) => Claimed | undefined {
  const swap = database.prepare(
    "UPDATE tasks SET state = 'INITIALIZING' WHERE id = ? AND state = 'QUEUED' RETURNING sequence",
  );
  const findOwn = database.prepare(
    `SELECT l.token, t.state FROM tasks AS t JOIN leases AS l USING (sequence)
     WHERE t.id = ? AND t.state IN ('INITIALIZING', 'CANCELING') AND l.holder = ?`,
  );
  const lease = prepareLease(database);
  const insertEvent = prepareEvent(database);
  const saveAttempt = prepareSaveAttempt(database);

  return ({ id, at, attempt, holder, leaseMs, now }) => {
    const row = swap.get(id);
    if (row === undefined) {
      const own = findOwn.get(id, holder);
      return own && { token: Number(own['token']), state: toState(own['state']) };
    }
    const sequence = Number(row['sequence']);
    insertEvent(sequence, { at, from: 'QUEUED', to: 'INITIALIZING', reason: null });
    saveAttempt(sequence, attempt);
    return { token: lease(sequence, holder, now + leaseMs), state: 'INITIALIZING' };
  };
}

/** One statement, however many there are. */
export function prepareRenew(
  database: DatabaseSync,
): (renewal: WriteOperations['renew']['input']) => Claimed[] {
  const renew = database.prepare(
    `UPDATE leases SET expires_at = ? WHERE token IN (SELECT value FROM json_each(?))
     RETURNING token, (SELECT state FROM tasks AS t WHERE t.sequence = leases.sequence) AS state`,
  );

  return ({ tokens, leaseMs, now }) =>
    renew
      .all(now + leaseMs, JSON.stringify(tokens))
      .map((row) => ({ token: Number(row['token']), state: toState(row['state']) }));
}

export function prepareTakeOver(
  database: DatabaseSync,
): (taking: WriteOperations['takeOver']['input']) => LeasedTask[] {
  const find = database.prepare(
    `SELECT t.sequence, t.id FROM tasks AS t INDEXED BY tasks_state LEFT JOIN leases AS l USING (sequence)
     WHERE t.state IN ('INITIALIZING', 'RUNNING', 'CANCELING')
       AND (l.token IS NULL OR l.expires_at <= ?1 OR (?2 AND l.holder = ?3))
     ORDER BY t.sequence`,
  );
  const lease = prepareLease(database);

  return ({ holder, leaseMs, own, now }) =>
    find.all(now, own ? 1 : 0, holder).map((row) => ({
      id: String(row['id']),
      token: lease(Number(row['sequence']), holder, now + leaseMs),
    }));
}

/** A lease in the place of any earlier one, under the next token. */
function prepareLease(
  database: DatabaseSync,
): (sequence: number, holder: string, expiresAt: number) => number {
  const end = database.prepare('DELETE FROM leases WHERE sequence = ?');
  const insert = database.prepare('INSERT INTO leases (sequence, holder, expires_at) VALUES (?, ?, ?)');
  return (sequence, holder, expiresAt) => {
    end.run(sequence);
    return Number(insert.run(sequence, holder, expiresAt).lastInsertRowid);
  };
}

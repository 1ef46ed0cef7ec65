import type { DatabaseSync } from 'node:sqlite';
import { BulkheadError } from '../../errors.ts';
import { isActive, isLegalTransition, isTerminal, type TesState } from '../../tes/states.ts';
import { prepareSaveAttempt } from './attempt.ts';
import { prepareEvent } from './event.ts';
import { prepareFencedFind } from './fence.ts';
import type { CancelInput, WriteOperations } from './messages.ts';
import { toState } from './row.ts';

type TransitionInput = WriteOperations['transition']['input'];
type Canceled = WriteOperations['cancel']['output'];

/** The only way from one state to another: a compare-and-swap, its event, and the attempt that goes with it. */
export function prepareTransition(database: DatabaseSync): (change: TransitionInput) => boolean {
  const find = prepareFencedFind(database);
  const swap = database.prepare('UPDATE tasks SET state = ?, ended_at = ? WHERE sequence = ? AND state = ?');
  const endLease = database.prepare('DELETE FROM leases WHERE token = ?');
  const insertEvent = prepareEvent(database);
  const saveAttempt = prepareSaveAttempt(database);

  return ({ id, from, to, at, reason, attempt, token }) => {
    if (!isLegalTransition(from, to)) {
      throw new BulkheadError('internal', `A task can't go from ${from} to ${to} (task ${id}).`);
    }
    const sequence = find(id, token);
    if (sequence === undefined) return false;
    if (swap.run(to, isTerminal(to) ? at : null, sequence, from).changes === 0) return false;
    insertEvent(sequence, { at, from, to, reason: reason ?? null });
    if (attempt !== undefined) saveAttempt(sequence, attempt);
    if (token !== undefined && !isActive(to)) endLease.run(token);
    return true;
  };
}

export function prepareCancel(
  database: DatabaseSync,
  transition: (change: TransitionInput) => boolean,
): (input: CancelInput) => Canceled {
  const find = database.prepare(
    'SELECT t.owner, t.state, l.token FROM tasks AS t LEFT JOIN leases AS l USING (sequence) WHERE t.id = ?',
  );

  return ({ id, owner, at }) => {
    const row = find.get(id);
    if (row === undefined || (owner !== undefined && row['owner'] !== owner)) return undefined;
    const before = toState(row['state']);
    const after = afterCancel(before);
    // Whoever has the task learns of it: a cancel is the one change that anybody may make.
    const lease = row['token'] === null ? {} : { token: Number(row['token']) };
    const reason = 'a cancel was asked for';
    if (after !== before) transition({ id, from: before, to: after, at, reason, ...lease });
    return { before, after };
  };
}

/** What never ran is gone at once; what may hold resources of a backend is ended first. */
function afterCancel(state: TesState): TesState {
  for (const to of ['CANCELED', 'CANCELING'] as const) {
    if (state !== 'CANCELING' && isLegalTransition(state, to)) return to;
  }
  return state;
}

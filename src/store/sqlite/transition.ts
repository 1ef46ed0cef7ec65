import type { DatabaseSync } from 'node:sqlite';
import { BulkheadError } from '../../errors.ts';
import { isLegalTransition, isTerminal, type TesState } from '../../tes/states.ts';
import { prepareSaveAttempt } from './attempt.ts';
import { prepareEvent } from './event.ts';
import type { CancelInput, WriteOperations } from './messages.ts';
import { toState } from './row.ts';

type TransitionInput = WriteOperations['transition']['input'];
type Canceled = WriteOperations['cancel']['output'];

/** The only way from one state to another: a compare-and-swap, its event, and the attempt that goes with it. */
export function prepareTransition(database: DatabaseSync): (change: TransitionInput) => boolean {
  const swap = database.prepare(
    'UPDATE tasks SET state = ?, ended_at = ? WHERE id = ? AND state = ? RETURNING sequence',
  );
  const insertEvent = prepareEvent(database);
  const saveAttempt = prepareSaveAttempt(database);

  return ({ id, from, to, at, reason, attempt }) => {
    if (!isLegalTransition(from, to)) {
      throw new BulkheadError('internal', `A task can't go from ${from} to ${to} (task ${id}).`);
    }
    const row = swap.get(to, isTerminal(to) ? at : null, id, from);
    if (row === undefined) return false;
    const sequence = Number(row['sequence']);
    insertEvent(sequence, { at, from, to, reason: reason ?? null });
    if (attempt !== undefined) saveAttempt(sequence, attempt);
    return true;
  };
}

export function prepareCancel(
  database: DatabaseSync,
  transition: (change: TransitionInput) => boolean,
): (input: CancelInput) => Canceled {
  const find = database.prepare('SELECT owner, state FROM tasks WHERE id = ?');

  return ({ id, owner, at }) => {
    const row = find.get(id);
    if (row === undefined || (owner !== undefined && row['owner'] !== owner)) return undefined;
    const before = toState(row['state']);
    const after = afterCancel(before);
    if (after !== before) transition({ id, from: before, to: after, at, reason: 'a cancel was asked for' });
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

import { BulkheadError } from '../../errors.ts';
import { TES_STATES, type TesState } from '../../tes/states.ts';

/** A state as the database has it. Throws `store` for one that this program doesn't know. */
export function toState(value: unknown): TesState {
  const state = TES_STATES.find((known) => known === value);
  if (state === undefined) {
    throw new BulkheadError('store', `The database holds a task in the unknown state "${String(value)}".`);
  }
  return state;
}

import type { DatabaseSync } from 'node:sqlite';
import { prepareSaveAttemptOf } from './attempt.ts';
import { prepareCreate } from './create.ts';
import { prepareClaim, prepareRenew, prepareTakeOver } from './lease.ts';
import type { Handlers, WriteOperations } from './messages.ts';
import { preparePurge } from './purge.ts';
import { prepareCancel, prepareTransition } from './transition.ts';

/** What the writing thread does, each within a savepoint of a group's transaction. */
export function prepareWrites(database: DatabaseSync): Handlers<WriteOperations> {
  const transition = prepareTransition(database);
  return {
    create: prepareCreate(database),
    cancel: prepareCancel(database, transition),
    claim: prepareClaim(database),
    transition,
    renew: prepareRenew(database),
    takeOver: prepareTakeOver(database),
    saveAttempt: prepareSaveAttemptOf(database),
    purge: preparePurge(database),
  };
}

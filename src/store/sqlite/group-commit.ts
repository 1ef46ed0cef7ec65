import type { DatabaseSync } from 'node:sqlite';
import { toFailure } from './failure.ts';
import type { Answer } from './messages.ts';

/** Something to be done to the database, and the number under which its caller waits. */
export interface Work {
  readonly number: number;
  run(): unknown;
}

/**
 * Runs all that has arrived in one transaction, so that it shares one sync of the disk. Each has a savepoint, so that
 * one that fails undoes itself alone. Nothing is answered before it is durable.
 */
export function prepareGroupCommit(
  database: DatabaseSync,
  path: string,
): (group: readonly Work[]) => Answer[] {
  const begin = database.prepare('BEGIN IMMEDIATE');
  const commit = database.prepare('COMMIT');
  const savepoint = database.prepare('SAVEPOINT request');
  const release = database.prepare('RELEASE request');

  function runOne({ number, run }: Work): Answer {
    savepoint.run();
    try {
      const value = run();
      release.run();
      return { number, value };
    } catch (error) {
      // A full disk makes SQLite roll back the whole transaction: https://www.sqlite.org/lang_transaction.html
      if (!database.isTransaction) throw error;
      database.exec('ROLLBACK TO request; RELEASE request');
      return { number, failure: toFailure(error, path) };
    }
  }

  function failAll(group: readonly Work[], error: unknown): Answer[] {
    const failure = toFailure(error, path);
    return group.map(({ number }) => ({ number, failure }));
  }

  return function runGroup(group): Answer[] {
    try {
      begin.run();
    } catch (error) {
      return failAll(group, error);
    }
    try {
      const answers = group.map(runOne);
      commit.run();
      return answers;
    } catch (error) {
      if (database.isTransaction) database.exec('ROLLBACK');
      // One too large for what room is left must not fail the others.
      return group.length === 1 ? failAll(group, error) : group.flatMap((work) => runGroup([work]));
    }
  };
}

import type { DatabaseSync } from 'node:sqlite';
import { toFailure } from './failure.ts';
import type { Answer } from './messages.ts';

/** Something to be done to the database, and the number under which its caller waits. */
export interface Work {
  readonly number: number;
  run(): unknown;
}

/** How long a group may work before it commits, in milliseconds, unless a commit takes longer than that. */
const GROUP_MS = 4;

/**
 * Runs what has arrived in one transaction, so that it shares one sync of the disk; each has a savepoint, so that one
 * that fails undoes itself alone. Nothing is answered before it is durable.
 *
 * Answers as many of the first as could be done in the time that a commit takes, or in 4 ms: so at most about half of
 * the time goes into commits, and callers make their next requests while the rest is written.
 */
export function prepareGroupCommit(
  database: DatabaseSync,
  path: string,
): (arrived: readonly Work[]) => Answer[] {
  const begin = database.prepare('BEGIN IMMEDIATE');
  const commit = database.prepare('COMMIT');
  const savepoint = database.prepare('SAVEPOINT request');
  const release = database.prepare('RELEASE request');
  let commitMs = 0;

  function runOne(work: Work): Answer {
    const { number } = work;
    savepoint.run();
    try {
      const value = work.run();
      release.run();
      return { number, value };
    } catch (error) {
      // A full disk makes SQLite roll back the whole transaction: https://www.sqlite.org/lang_transaction.html
      if (!database.isTransaction) throw error;
      database.exec('ROLLBACK TO request; RELEASE request');
      return { number, failure: toFailure(error, path) };
    }
  }

  function commitTimed(): void {
    const start = performance.now();
    commit.run();
    commitMs = performance.now() - start;
  }

  function failAll(group: readonly Work[], error: unknown): Answer[] {
    const failure = toFailure(error, path);
    return group.map(({ number }) => ({ number, failure }));
  }

  return function runGroup(arrived): Answer[] {
    try {
      begin.run();
    } catch (error) {
      return failAll(arrived, error);
    }
    const answers: Answer[] = [];
    try {
      const end = performance.now() + Math.max(GROUP_MS, commitMs);
      for (const work of arrived) {
        answers.push(runOne(work));
        if (performance.now() >= end) break;
      }
      commitTimed();
      return answers;
    } catch (error) {
      if (database.isTransaction) database.exec('ROLLBACK');
      // One that is too large for what room is left must not fail the others.
      if (arrived.length === 1) return failAll(arrived, error);
      return arrived.flatMap((work) => runGroup([work]));
    }
  };
}

import { DatabaseSync } from 'node:sqlite';
import { BulkheadError } from '../../errors.ts';
import { isOurs } from './database.ts';
import { newestVersion } from './migrations.ts';

/** Of a database that was found whole. */
export interface Verified {
  readonly schemaVersion: number;
  readonly tasks: number;
}

/**
 * Checks a copy of a database that nobody has open, and makes it one file, without a log beside it. Throws `store`
 * where it is damaged or another program's, `store-newer` where this program doesn't know its schema, and what SQLite
 * throws.
 */
export function verifyCopy(path: string): Verified {
  const database = new DatabaseSync(path, { enableForeignKeyConstraints: true });
  try {
    if (!isOurs(database)) throw damaged(path, 'it is not a database of this program');
    database.exec('PRAGMA journal_mode = DELETE; PRAGMA trusted_schema = OFF');
    const problems = database.prepare('PRAGMA integrity_check(5)').all();
    const said = problems.map((row) => String(row['integrity_check']));
    if (said.join() !== 'ok') throw damaged(path, said.join('; '));
    if (database.prepare('PRAGMA foreign_key_check').get() !== undefined)
      throw damaged(path, 'rows belong to tasks that are not in it');
    const number = (sql: string): number => Number(database.prepare(sql).get()?.['n']);
    const schemaVersion = number('SELECT coalesce(max(version), 0) AS n FROM schema_version');
    if (schemaVersion > newestVersion()) {
      throw new BulkheadError(
        'store-newer',
        `${path} has schema version ${schemaVersion}, and this program knows versions up to ${newestVersion()}. Use the program that wrote it, or a newer one.`,
      );
    }
    return { schemaVersion, tasks: number('SELECT count(*) AS n FROM tasks') };
  } finally {
    database.close();
  }
}

function damaged(path: string, why: string): BulkheadError {
  return new BulkheadError('store', `${path} can't be used as a database of tasks: ${why}.`);
}

import { readFileSync, readdirSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import { BulkheadError } from '../../errors.ts';

const FOLDER = new URL('./migrations/', import.meta.url);

/**
 * Applies, in one transaction, the numbered files of `migrations/` that the database doesn't have yet. Throws
 * `store-newer` where the database has some that this program doesn't know.
 */
export function migrate(database: DatabaseSync, path: string): void {
  const migrations = knownMigrations();
  const newest = migrations.length;
  // IMMEDIATE, so that of two programs one waits, and so that a database that can't be written says so now.
  database.exec('BEGIN IMMEDIATE');
  try {
    database.exec(
      'CREATE TABLE IF NOT EXISTS schema_version (version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at TEXT NOT NULL) STRICT',
    );
    const current = Number(
      database.prepare('SELECT coalesce(max(version), 0) AS version FROM schema_version').get()?.['version'],
    );
    if (current > newest) {
      throw new BulkheadError(
        'store-newer',
        `The database ${path} has schema version ${current}, and this program knows versions up to ${newest}. Start the newer program that wrote it, or restore the backup from before it was upgraded.`,
      );
    }
    for (const migration of migrations.slice(current)) {
      database.exec(migration.sql);
      database
        .prepare("INSERT INTO schema_version VALUES (?, ?, strftime('%Y-%m-%dT%H:%M:%SZ'))")
        .run(migration.version, migration.name);
    }
    database.exec('COMMIT');
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}

/** The newest schema version that this program knows. */
export function newestVersion(): number {
  return knownMigrations().length;
}

interface Migration {
  readonly version: number;
  readonly name: string;
  readonly sql: string;
}

function knownMigrations(): Migration[] {
  const names = readdirSync(FOLDER)
    .filter((name) => name.endsWith('.sql'))
    .sort();
  return names.map((name, index) => {
    const version = Number(name.slice(0, 4));
    if (version !== index + 1) {
      throw new BulkheadError('internal', `The migration ${name} should have number ${index + 1}.`);
    }
    return { version, name, sql: readFileSync(new URL(name, FOLDER), 'utf8') };
  });
}

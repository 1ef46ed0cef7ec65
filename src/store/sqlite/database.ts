import { accessSync, closeSync, constants, existsSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { BulkheadError } from '../../errors.ts';
import { migrate } from './migrations.ts';

/** "BULK": how `file` and we know a database of ours. https://www.sqlite.org/pragma.html#pragma_application_id */
const APPLICATION_ID = 0x42_55_4c_4b;

export interface DatabaseOptions {
  readonly path: string;
  readonly role: 'writer' | 'reader';
  /** How long a statement waits for a lock of another program, in milliseconds. */
  readonly busyTimeoutMs: number;
}

/**
 * Opens a connection. The writer creates the file where there is none, and brings the schema up to date; open it
 * first. Throws what SQLite throws, `store` for a database of another program, `store-newer`, `store-read-only`.
 */
export function openDatabase({ path, role, busyTimeoutMs }: DatabaseOptions): DatabaseSync {
  assertWritable(path);
  if (role === 'writer') createPrivately(path);
  const database = new DatabaseSync(path, { timeout: busyTimeoutMs, enableForeignKeyConstraints: true });
  try {
    if (role === 'writer') {
      takeAsOurs(database, path);
      useWriteAheadLog(database, path);
      migrate(database, path);
    } else {
      database.exec('PRAGMA query_only = ON');
    }
    // Enough for the reader to keep the tasks table of 100,000 tasks. It is memory only once that much was read.
    database.exec(`PRAGMA cache_size = -${role === 'reader' ? 16384 : 8192}; PRAGMA trusted_schema = OFF`);
    // Else each savepoint writes the pages it may have to restore to a temporary file: a third of the time of a create.
    database.exec('PRAGMA temp_store = MEMORY');
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/**
 * Documents may hold secrets. SQLite gives the log and its index the mode of the database. A file that exists is left
 * alone: closing a descriptor of it would drop the locks that this process has on it.
 */
function createPrivately(path: string): void {
  if (!existsSync(path) && existsSync(dirname(path))) closeSync(openSync(path, 'a', 0o600));
}

/** Whether a database is one of this program. */
export function isOurs(database: DatabaseSync): boolean {
  return applicationId(database) === APPLICATION_ID;
}

function applicationId(database: DatabaseSync): unknown {
  return database.prepare('PRAGMA application_id').get()?.['application_id'];
}

function takeAsOurs(database: DatabaseSync, path: string): void {
  const id = applicationId(database);
  if (id === APPLICATION_ID) return;
  const tables = database.prepare('SELECT count(*) AS count FROM sqlite_schema').get()?.['count'];
  if (id !== 0 || tables !== 0) {
    throw new BulkheadError(
      'store',
      `The file ${path} is a database of another program (application id ${String(id)}, ${String(tables)} tables and indexes). Set another path for the data folder, or move the file away.`,
    );
  }
  database.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
}

function useWriteAheadLog(database: DatabaseSync, path: string): void {
  const mode = database.prepare('PRAGMA journal_mode = WAL').get()?.['journal_mode'];
  if (mode !== 'wal') {
    throw new BulkheadError(
      'store',
      `The file system of ${path} has no shared memory, which SQLite's write-ahead log needs (journal mode: ${String(mode)}). Put the data folder on a local disk.`,
    );
  }
  // With WAL, FULL syncs the log at each commit: what is answered survives a loss of power.
  // https://www.sqlite.org/pragma.html#pragma_synchronous
  database.exec('PRAGMA synchronous = FULL');
  // Checkpoints of 16 MiB rather than 4 write a page that is hot less often; a log that grew is cut to 64 MiB.
  database.exec('PRAGMA wal_autocheckpoint = 4096; PRAGMA journal_size_limit = 67108864');
}

/** SQLite opens a file that it can't write without a word, and says "unable to open" for a folder it can't write. */
function assertWritable(path: string): void {
  for (const target of [path, dirname(path)]) {
    if (!existsSync(target)) continue;
    try {
      accessSync(target, constants.R_OK | constants.W_OK);
    } catch (cause) {
      throw new BulkheadError(
        'store-read-only',
        `The store needs to write ${target}, and may not (${cause instanceof Error ? cause.message : String(cause)}). Give the server's user write access to the file and to its folder, on a file system that is mounted read-write.`,
        { cause },
      );
    }
  }
}

import {
  chmodSync,
  chownSync,
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { BulkheadError } from '../../errors.ts';
import { fromFailure, toFailure } from './failure.ts';
import { lockDataFolder } from './lock.ts';
import { DATABASE_NAME } from './name.ts';
import { verifyCopy } from './verify.ts';
import type { Verified } from './verify.ts';

export interface RestoreRequest {
  /** A file that `backup` made. */
  readonly from: string;
  readonly dataFolder: string;
  /** Puts a database that is there aside, rather than refusing. */
  readonly force: boolean;
  readonly now: Date;
}

export interface Restored extends Verified {
  readonly database: string;
  /** Where the database that was there is now. */
  readonly keptAside?: string;
}

/**
 * Makes a backup the database of a data folder whose server doesn't run. All is copied, checked and durable before
 * anything that was there moves, and that is only ever renamed. Throws `not-found`, `conflict`, `store-locked`,
 * `store-newer`, `store`, `disk-full`.
 */
export function restoreDatabase(request: RestoreRequest): Restored {
  const { dataFolder, force, from } = request;
  if (!existsSync(from)) throw new BulkheadError('not-found', `There is no file ${from}.`);
  const lock = lockDataFolder(dataFolder);
  const database = join(dataFolder, DATABASE_NAME);
  // Where nobody else can put a journal beside it, or a link in its place.
  const draft = join(dataFolder, 'lock', `${DATABASE_NAME}.restoring`);
  try {
    if (existsSync(database) && !force) {
      throw new BulkheadError(
        'conflict',
        `There is a database ${database} already. With --force it is kept beside the restored one, under another name.`,
      );
    }
    const verified = copyVerified(from, draft, dataFolder);
    const keptAside = putAside(database, request.now);
    renameSync(draft, database);
    sync(dataFolder);
    return { ...verified, database, ...(keptAside === undefined ? {} : { keptAside }) };
  } catch (error) {
    throw fromFailure(toFailure(error, from));
  } finally {
    rmSync(draft, { force: true });
    lock.release();
  }
}

/** The copy is what is checked: the file that was named may change. */
function copyVerified(from: string, draft: string, dataFolder: string): Verified {
  rmSync(draft, { force: true });
  closeSync(openSync(draft, 'wx', 0o600));
  copyFileSync(from, draft);
  chmodSync(draft, 0o600);
  const verified = verifyCopy(draft);
  // Restored by root for a server that runs as another user.
  const { uid, gid } = statSync(dataFolder);
  if (process.getuid?.() === 0) chownSync(draft, uid, gid);
  sync(draft);
  return verified;
}

/**
 * The log goes before the database: beside another one it would be taken for that one's. Where the database can be
 * opened, its log is first made part of it.
 */
function putAside(database: string, now: Date): string | undefined {
  const aside = `${database}.before-restore-${now.toISOString().replace(/[-:]|\.\d+/g, '')}`;
  // Root opens nothing that the server may have written or linked: its log then goes along, under the same new name.
  if (existsSync(database) && process.getuid?.() !== 0) settle(database);
  for (const suffix of ['-shm', '-wal', '-journal', '']) {
    if (existsSync(database + suffix)) renameSync(database + suffix, aside + suffix);
  }
  return existsSync(aside) ? aside : undefined;
}

function settle(path: string): void {
  try {
    const database = new DatabaseSync(path);
    database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    database.close();
  } catch {
    // Damaged, which may be why it is replaced: it is kept as it is.
  }
}

function sync(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

import { BulkheadError, isBulkheadError } from '../../errors.ts';
import type { Failure } from './messages.ts';

/**
 * What SQLite or the code around it threw, as an error of ours. The codes are SQLite's result codes
 * (https://www.sqlite.org/rescode.html); the low byte is the primary one.
 */
export function toFailure(error: unknown, path: string): Failure {
  if (isBulkheadError(error)) return { code: error.code, message: error.message, fields: error.fields };
  if (!isSqliteError(error)) {
    return failure(
      'internal',
      `The store failed: ${error instanceof Error ? error.message : String(error)}.`,
    );
  }
  const detail = `SQLite says "${error.message}" (result code ${error.errcode})`;
  if (error.errcode === IOERR_SHMSIZE) return failure('disk-full', diskFull(path, detail));
  switch (error.errcode & 0xff) {
    case 5: // BUSY
    case 6: // LOCKED
      return failure(
        'store-locked',
        `The database ${path} is locked by another program: ${detail}. End that program (fuser ${path} names it), then try again.`,
      );
    case 8: // READONLY
      return failure(
        'store-read-only',
        `The database ${path} can't be written: ${detail}. Give the server's user write access to the file and to its folder, on a file system that is mounted read-write.`,
      );
    case 13: // FULL
      return failure('disk-full', diskFull(path, detail));
    case 10: // IOERR
      return failure(
        'store',
        `The disk failed under the database ${path}: ${detail}. Nothing of this write was stored. Look at the kernel's log, and try again.`,
      );
    case 11: // CORRUPT
    case 26: // NOTADB
      return failure(
        'store',
        `The file ${path} is damaged or isn't a database: ${detail}. Move it and its -wal and -shm files away and restore them from a backup; "sqlite3 ${path} .recover" may save what is left.`,
      );
    case 14: // CANTOPEN
      return failure(
        'store',
        `The database ${path} can't be opened: ${detail}. Its folder must exist and be writable for the server's user.`,
      );
    default:
      return failure('internal', `A statement on ${path} failed: ${detail}.`);
  }
}

export function fromFailure(value: Failure): BulkheadError {
  return new BulkheadError(value.code, value.message, { fields: value.fields });
}

interface SqliteError extends Error {
  readonly errcode: number;
}

/** The -shm file could not be grown: in practice, no room for it. */
const IOERR_SHMSIZE = 4874;

function isSqliteError(error: unknown): error is SqliteError {
  return error instanceof Error && 'errcode' in error && typeof error.errcode === 'number';
}

function diskFull(path: string, detail: string): string {
  return `The disk that holds ${path} is full: ${detail}. Nothing of this write was stored. Make room and try again; the server goes on.`;
}

function failure(code: Failure['code'], message: string): Failure {
  return { code, message, fields: [] };
}

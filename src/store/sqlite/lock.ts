import { randomUUID } from 'node:crypto';
import { existsSync, lstatSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { BulkheadError } from '../../errors.ts';
import { fromFailure, toFailure } from './failure.ts';

export interface FolderLock {
  /**
   * The folder's own name, made with it: whoever has the lock works under it, and nobody else does at the same time. What a
   * process of that name left is therefore its successor's at once.
   */
  readonly instance: string;
  release(): void;
}

/** Held here, so that a lock whose caller forgot it isn't closed, and so lost, by the garbage collector. */
const held = new Set<DatabaseSync>();

/**
 * Takes a data folder for this process, and makes it where there is none. Throws `store-locked`, naming the process
 * that has it, and `store-read-only`.
 *
 * The lock is SQLite's own on a database without tables: the kernel drops it with the process, also after kill -9,
 * and node:sqlite is the only file lock that Node has without native code.
 */
export function lockDataFolder(folder: string): FolderLock {
  const own = join(folder, 'lock');
  const holderPath = join(own, 'server.pid');
  const database = openLock(folder, own);
  let instance: string;
  try {
    // Held by an open transaction that never writes. https://www.sqlite.org/lockingv3.html
    database.exec('PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE');
    writeWhole(holderPath, String(process.pid));
    instance = instanceOf(own);
  } catch (error) {
    database.close();
    throw refusal(error, folder, holderPath);
  }
  held.add(database);
  return {
    instance,
    release() {
      if (!held.delete(database)) return;
      rmSync(holderPath, { force: true });
      database.close();
    },
  };
}

/**
 * In a folder of its own, as others may make files in the data folder: beside the lock, a journal that names a file would
 * have SQLite delete it (https://www.sqlite.org/fileformat2.html, "super-journal"), and a link would be written through.
 */
function openLock(folder: string, own: string): DatabaseSync {
  try {
    mkdirSync(own, { recursive: true, mode: 0o700 });
    const found = lstatSync(own);
    if (!found.isDirectory() || found.uid !== process.getuid?.())
      throw new Error(`${own} is no folder of the user who takes the lock`);
    return new DatabaseSync(join(own, 'server.lock'), { timeout: 0 });
  } catch (cause) {
    throw new BulkheadError(
      'store-read-only',
      `The data folder ${folder} can't be written (${cause instanceof Error ? cause.message : String(cause)}). Give the server's user write access to it, or set another folder (data).`,
      { cause },
    );
  }
}

function instanceOf(folder: string): string {
  const path = join(folder, 'instance');
  if (!existsSync(path)) writeWhole(path, randomUUID());
  return readFileSync(path, 'utf8').trim();
}

/** Whole or not at all: a second server may be reading it, and the host may die. */
function writeWhole(path: string, line: string): void {
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, `${line}\n`, { flush: true });
  renameSync(draft, path);
}

function refusal(error: unknown, folder: string, holderPath: string): BulkheadError {
  const failure = toFailure(error, folder);
  if (failure.code !== 'store-locked') return fromFailure(failure);
  return new BulkheadError(
    'store-locked',
    `The data folder ${folder} is in use by another server, ${holder(holderPath)}. Stop that one, or give this one a data folder of its own (data).`,
    { cause: error },
  );
}

/** The holder writes its pid right after it has the lock: a pid that is gone was of the one before. */
function holder(holderPath: string): string {
  const deadline = performance.now() + 1_000;
  do {
    const pid = readPid(holderPath);
    if (pid !== undefined && isAlive(pid)) return `process ${pid}`;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
  } while (performance.now() < deadline);
  return 'whose process id is not known here';
}

function readPid(holderPath: string): number | undefined {
  try {
    const pid = Number(readFileSync(holderPath, 'utf8').trim());
    return Number.isInteger(pid) && pid > 0 ? pid : undefined;
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

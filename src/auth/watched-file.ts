import { readFile, stat } from 'node:fs/promises';
import type { BigIntStats } from 'node:fs';
import { BulkheadError } from '../errors.ts';

export interface WatchedFile<T> {
  /** What the file holds now. */
  current(): Promise<T>;
}

export interface WatchedFileOptions<T> {
  readonly file: string;
  /** Throws where the text isn't what it should be. */
  readonly parse: (text: string) => T;
  /** What a missing file holds. */
  readonly missing: T;
  /** Told once of each content that can't be used. */
  readonly onProblem: (problem: string) => void;
}

/**
 * A file that is read again when it changed: its status is asked each time, which costs microseconds. A file that
 * somebody is just writing, or got wrong, leaves what was read before in place and is reported; a file that was
 * removed counts as empty, so that removing it takes everybody's access.
 */
export function createWatchedFile<T>({
  file,
  parse,
  missing,
  onProblem,
}: WatchedFileOptions<T>): WatchedFile<T> {
  let value = missing;
  let mark = '';
  let reading: Promise<T> | undefined;
  return {
    current: () => (reading ??= read().finally(() => (reading = undefined))),
  };

  async function read(): Promise<T> {
    const status = await statusOf(file);
    const now = status === undefined ? 'missing' : markOf(status);
    if (now === mark) return value;
    mark = now;
    if (status === undefined) return (value = missing);
    try {
      demandPrivate(file, status);
      value = parse(await readFile(file, 'utf8'));
    } catch (error) {
      onProblem(error instanceof Error ? error.message : String(error));
    }
    return value;
  }
}

/** Who can write the file can let themselves in: `config` where others than its owner can. */
function demandPrivate(file: string, status: BigIntStats): void {
  if ((status.mode & 0o022n) === 0n) return;
  throw new BulkheadError('config', `${file} is writable by its group or by others: run chmod 600 ${file}`);
}

async function statusOf(file: string): Promise<BigIntStats | undefined> {
  try {
    return await stat(file, { bigint: true });
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function markOf(status: BigIntStats): string {
  return [status.dev, status.ino, status.size, status.mtimeNs, status.ctimeNs].join('.');
}

import { chownSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BulkheadError } from '../errors.ts';
import type { SealedAttempt } from './warden.ts';

/**
 * What each open attempt was declared as, once and for all: later requests name the attempt and say nothing of what is
 * to be done. So whoever speaks for the server later can't change what an attempt may do, or whose disk it gets.
 */
export interface Seals {
  all(): readonly SealedAttempt[];
  /** Throws `not-found` where no such attempt is open. */
  of(attempt: string): SealedAttempt;
  has(attempt: string): boolean;
  /** Throws `conflict` for an attempt that was ever opened, and for a slot that another one has. */
  add(sealed: SealedAttempt): void;
  /** Its folder stays, and with it the name, until `forget`. */
  remove(attempt: string): void;
  /** Removes the folder of an attempt that isn't open. */
  forget(attempt: string): void;
  /** Bundles and logs of one attempt. */
  folder(attempt: string): string;
  /** Names of all attempts that have a folder, open or not. */
  known(): readonly string[];
}

const SEAL = 'sealed.json';

/** `gid`: who may read the logs of containers, and nothing else here. */
export function openSeals(folder: string, gid: number): Seals {
  const folderOf = (attempt: string): string => join(folder, attempt);
  const file = (attempt: string): string => join(folder, attempt, SEAL);
  const open = new Map<string, SealedAttempt>();
  for (const name of readdirSync(folder)) {
    const sealed = readSeal(file(name));
    if (sealed !== undefined) open.set(name, sealed);
  }

  return {
    all: () => [...open.values()],
    has: (attempt) => open.has(attempt),
    folder: folderOf,
    known: () => readdirSync(folder),
    of(attempt) {
      const sealed = open.get(attempt);
      if (sealed === undefined)
        throw new BulkheadError('not-found', `the warden has no open attempt ${attempt}`);
      return sealed;
    },
    add(sealed) {
      const { attempt, slot } = sealed;
      if (existsSync(folderOf(attempt)))
        throw new BulkheadError(
          'conflict',
          `attempt ${attempt} was opened before; a new one needs a new number`,
        );
      const other = [...open.values()].find((one) => one.slot === slot);
      if (other !== undefined)
        throw new BulkheadError('conflict', `slot ${slot} belongs to attempt ${other.attempt}`);
      mkdirSync(folderOf(attempt), { mode: 0o750 });
      chownSync(folderOf(attempt), process.getuid?.() ?? 0, gid);
      // One write: what a crash cut short doesn't parse, and was never opened.
      writeFileSync(file(attempt), JSON.stringify(sealed), { mode: 0o600 });
      open.set(attempt, sealed);
    },
    remove(attempt) {
      if (!open.delete(attempt)) return;
      rmSync(file(attempt), { force: true });
    },
    forget(attempt) {
      if (open.has(attempt))
        throw new BulkheadError('conflict', `attempt ${attempt} is still open; it can't be forgotten`);
      rmSync(folderOf(attempt), { recursive: true, force: true });
    },
  };
}

/** Written by the warden alone, in a folder that only root can change. */
function readSeal(path: string): SealedAttempt | undefined {
  if (!existsSync(path)) return undefined;
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

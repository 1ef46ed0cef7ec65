import { readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

/** One control of a sandbox as it was found from outside, and as it has to be; without `wanted` it is only told. */
export interface Reading {
  readonly name: string;
  readonly found: string;
  readonly wanted?: string;
}

/** At once: the kernel answers from memory, and forty small reads cost more as work for other threads. */
export function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    return `unreadable: ${error instanceof Error ? error.message : String(error)}`;
  }
}

export function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return 'unreadable';
  }
}

/** Nothing that is enforced can be read of a process that has ended, also where its parent hasn't taken note of it yet. */
export function isAlive(proc: string): boolean {
  const state = /^State:\s+(\S)/m.exec(textOf(join(proc, 'status')))?.[1];
  return state !== undefined && !['Z', 'X'].includes(state);
}

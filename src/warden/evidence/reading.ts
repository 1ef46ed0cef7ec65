import { readFileSync, readlinkSync } from 'node:fs';

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

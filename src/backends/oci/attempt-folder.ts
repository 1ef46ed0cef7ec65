import { existsSync } from 'node:fs';
import { appendFile, mkdir, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Evidence } from '../../sandbox/sandbox.ts';
import type { ExecutorExit, KillReason } from '../backend.ts';
import type { TaskTree } from './task-tree.ts';

/**
 * What must be known of an attempt after the server was killed at any moment: notes in a file that only grows, each a
 * line, there or not there, never half. One file, since making files is what a short task spends its time with.
 */
export interface AttemptFolder {
  readonly path: string;
  /** Bundle and logs of one executor. */
  executor(index: number): string;
  make(): Promise<void>;
  readonly workspace: Note<TaskTree>;
  readonly killed: Note<{ readonly reason: KillReason }>;
  readonly released: Note<Record<string, never>>;
  /** Written just before the first instruction may run. */
  started(index: number): Note<{ readonly at: number; readonly evidence: Evidence }>;
  exited(index: number): Note<ExecutorExit>;
  /** Part of an executor's stdout or stderr; empty where there is none. */
  log(index: number, stream: 'stdout' | 'stderr', offset: number, maxBytes: number): Promise<Uint8Array>;
}

export interface Note<Value> {
  read(): Promise<Value | undefined>;
  write(value: Value): Promise<void>;
}

export function attemptFolder(path: string): AttemptFolder {
  const executor = (index: number): string => join(path, String(index));
  const note = <Value>(name: string): Note<Value> => noteIn(join(path, 'notes'), name);
  return {
    path,
    executor,
    make: async () => void (await mkdir(path, { recursive: true, mode: 0o700 })),
    workspace: note('workspace'),
    killed: note('killed'),
    released: note('released'),
    started: (index) => note(`started-${index}`),
    exited: (index) => note(`exited-${index}`),
    log: (index, stream, offset, maxBytes) => part(join(executor(index), stream), offset, maxBytes),
  };
}

/** The last one of a name counts. */
function noteIn<Value>(path: string, name: string): Note<Value> {
  const start = `${name} `;
  return {
    async read() {
      // Where there is none, as for most questions, an error would cost more than this one.
      if (!existsSync(path)) return undefined;
      const lines = (await readFile(path, 'utf8')).split('\n');
      // What follows the last line break, or stands before the next, was cut short.
      const line = lines.slice(0, -1).findLast((each) => each.startsWith(start) && each.endsWith(' .'));
      // Written by this program alone, in a folder that only its user can enter.
      return line === undefined ? undefined : JSON.parse(line.slice(start.length, -2));
    },
    async write(value) {
      // A line of its own also where an earlier one was cut short, as by a full disk; all of it in one write.
      await appendFile(path, `\n${start}${JSON.stringify(value)} .\n`, { mode: 0o600 });
    },
  };
}

async function part(path: string, offset: number, maxBytes: number): Promise<Uint8Array> {
  const file = await open(path, 'r').catch(() => undefined);
  if (!file) return new Uint8Array();
  try {
    const buffer = new Uint8Array(maxBytes);
    const { bytesRead } = await file.read(buffer, 0, maxBytes, offset);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

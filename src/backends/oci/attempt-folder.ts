import { appendFileSync, existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { appendFile, open } from 'node:fs/promises';
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
  make(): Promise<void>;
  readonly workspace: Note<TaskTree>;
  readonly killed: Note<{ readonly reason: KillReason }>;
  readonly released: Note<Record<string, never>>;
  /** Written just before the first instruction may run, and to the disk, so that not even a host that dies forgets it. */
  started(index: number): Note<{ readonly at: number; readonly evidence: Evidence }>;
  exited(index: number): Note<ExecutorExit>;
  /** Part of an executor's stdout or stderr; empty where there is none. */
  log(index: number, stream: 'stdout' | 'stderr', offset: number, maxBytes: number): Promise<Uint8Array>;
}

export interface Note<Value> {
  read(): Value | undefined;
  write(value: Value): Promise<void>;
}

/** `logs`: where the warden keeps what its executors wrote. Of all that write into it, one at a time may be in use: what it has read it doesn't read again. */
export function attemptFolder(path: string, logs: string): AttemptFolder {
  const notes = notesIn(join(path, 'notes'));
  return {
    path,
    make: async () => void mkdirSync(path, { recursive: true, mode: 0o700 }),
    workspace: notes('workspace'),
    killed: notes('killed'),
    released: notes('released'),
    started: (index) => notes(`started-${index}`, { isSynced: true }),
    exited: (index) => notes(`exited-${index}`),
    log: (index, stream, offset, maxBytes) => part(join(logs, String(index), stream), offset, maxBytes),
  };
}

/** The last one of a name counts. */
function notesIn(path: string): <Value>(name: string, options?: { isSynced: boolean }) => Note<Value> {
  let known: Map<string, string> | undefined;
  return (name, { isSynced } = { isSynced: false }) => ({
    read() {
      const text = (known ??= readNotes(path)).get(name);
      // Written by this program alone, in a folder that only its user can enter.
      return text === undefined ? undefined : JSON.parse(text);
    },
    async write(value) {
      const text = JSON.stringify(value);
      // A line of its own also where an earlier one was cut short, as by a full disk; all of it in one write.
      const line = `\n${name} ${text} .\n`;
      // What needn't be on the disk goes to the kernel's memory, for which no other thread must be woken.
      if (isSynced) await appendFile(path, line, { mode: 0o600, flush: true });
      else appendFileSync(path, line, { mode: 0o600 });
      known?.set(name, text);
    },
  });
}

/** At once: once an attempt and process, and mostly nothing is there. */
function readNotes(path: string): Map<string, string> {
  if (!existsSync(path)) return new Map();
  // What follows the last line break was cut short; what was before the next doesn't end as a note does.
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1);
  const notes = lines.filter((line) => line.endsWith(' .'));
  return new Map(
    notes.map((line) => [line.slice(0, line.indexOf(' ')), line.slice(line.indexOf(' ') + 1, -2)]),
  );
}

async function part(path: string, offset: number, maxBytes: number): Promise<Uint8Array> {
  // Followers ask often, and mostly there is nothing new.
  const length = Math.min(maxBytes, (statSync(path, { throwIfNoEntry: false })?.size ?? 0) - offset);
  const file = length > 0 ? await open(path, 'r').catch(() => undefined) : undefined;
  if (!file) return new Uint8Array();
  try {
    const buffer = new Uint8Array(length);
    const { bytesRead } = await file.read(buffer, 0, length, offset);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

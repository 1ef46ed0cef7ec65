import { existsSync } from 'node:fs';
import { mkdir, open, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Evidence } from '../../sandbox/sandbox.ts';
import type { ExecutorExit, KillReason } from '../backend.ts';
import type { TaskTree } from './task-tree.ts';

/**
 * What must be known of an attempt after the server was killed at any moment, each thing a file of its own in the
 * attempt's folder: there or not there, never half.
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
  return {
    path,
    executor,
    make: async () => void (await mkdir(path, { recursive: true, mode: 0o700 })),
    workspace: note(join(path, 'workspace.json')),
    killed: note(join(path, 'killed.json')),
    released: note(join(path, 'released.json')),
    started: (index) => note(join(executor(index), 'started.json')),
    exited: (index) => note(join(executor(index), 'exited.json')),
    log: (index, stream, offset, maxBytes) => part(join(executor(index), stream), offset, maxBytes),
  };
}

function note<Value>(path: string): Note<Value> {
  return {
    async read() {
      // Most are not there, and an error costs more than the question.
      if (!existsSync(path)) return undefined;
      const text = await readFile(path, 'utf8').catch(() => undefined);
      // Written by this program alone, in a folder that only its user can enter.
      return text === undefined ? undefined : JSON.parse(text);
    },
    async write(value) {
      await writeFile(`${path}.part`, JSON.stringify(value), { mode: 0o600 });
      await rename(`${path}.part`, path);
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

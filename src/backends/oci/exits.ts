import { existsSync, readFileSync, statSync, watch } from 'node:fs';
import { join } from 'node:path';
import { BulkheadError } from '../../errors.ts';
import type { Watchers } from '../../warden/warden.ts';

export interface Exit {
  readonly exitCode: number;
  readonly endedAt: number;
  /** Bytes that the executor wrote, stored or not. */
  readonly stdoutBytes: number;
  readonly stderrBytes: number;
  /** What went wrong with the files that the task named for them; empty: nothing. */
  readonly stdoutProblem: string;
  readonly stderrProblem: string;
}

/**
 * Tells when containers are dead: conmon leaves `NAME`, with the exit code, and the drain ends `NAME.done`, when all
 * output is stored. Both files outlive the server.
 */
export interface Exits {
  /** `watchers` are asked for now and then: where nobody is left to write one of the two, `attempt-lost` is thrown. */
  wait(container: string, watchers: () => Promise<Watchers>): Promise<Exit>;
  close(): void;
}

/** A notice can be missed, and who should give it be killed; this bounds what that costs. */
const CHECK_MS = 2000;

export function watchExits(folder: string): Exits {
  const waiting = new Map<string, Set<() => void>>();
  const watcher = watch(folder, (_event, name) => {
    for (const notify of waiting.get(name?.replace(/\.done$/, '') ?? '') ?? []) notify();
  });
  let isClosed = false;

  function change(container: string): { promise: Promise<'noticed' | 'silent'>; done: () => void } {
    const { promise, resolve } = Promise.withResolvers<'noticed' | 'silent'>();
    const notify = (): void => resolve('noticed');
    const notified = waiting.get(container) ?? new Set();
    waiting.set(container, notified.add(notify));
    const timer = setTimeout(() => resolve('silent'), CHECK_MS);
    return {
      promise,
      done: () => {
        clearTimeout(timer);
        notified.delete(notify);
        if (notified.size === 0) waiting.delete(container);
      },
    };
  }

  /** Whoever is gone was asked for before its file is looked at: it may have ended in order in between. */
  async function loss(container: string, watchers: () => Promise<Watchers>): Promise<string | undefined> {
    const path = join(folder, container);
    const alive = await watchers();
    if (!alive.ofExit && optional(path) === '')
      return "the exit code is lost: conmon, the process that waits for the container's end, was killed";
    if (!alive.ofOutput && !optional(`${path}.done`).endsWith(','))
      return "output is lost: the process that stores the container's output was killed";
    return undefined;
  }

  return {
    async wait(container, watchers) {
      for (;;) {
        const next = change(container);
        let heard: 'noticed' | 'silent';
        try {
          const found = read(folder, container);
          if (found) return found;
          heard = await next.promise;
        } finally {
          next.done();
        }
        if (isClosed) throw new BulkheadError('canceled', 'the backend is closed; the container goes on');
        const problem = heard === 'silent' ? await loss(container, watchers) : undefined;
        if (problem !== undefined) throw new BulkheadError('attempt-lost', problem);
      }
    },
    close() {
      isClosed = true;
      watcher.close();
      for (const notified of waiting.values()) for (const notify of notified) notify();
    },
  };
}

/** At once, as the files are tiny and in memory: each hop to another thread costs more than the reading. */
function read(folder: string, container: string): Exit | undefined {
  const path = join(folder, container);
  const [code, summary] = [optional(path), optional(`${path}.done`)];
  if (!/^\d+$/.test(code) || !summary.endsWith(',')) return undefined;
  const [stdoutBytes = '0', stderrBytes = '0', stdoutProblem = '', stderrProblem = ''] = netstrings(summary);
  const { mtimeMs } = statSync(path);
  return {
    exitCode: Number(code),
    endedAt: Math.round(mtimeMs),
    stdoutBytes: Number(stdoutBytes),
    stderrBytes: Number(stderrBytes),
    stdoutProblem,
    stderrProblem,
  };
}

/** Four short ASCII fields, written at once by the drain. */
function netstrings(text: string): string[] {
  return [...text.matchAll(/\d+:([^,]*),/g)].map((match) => match[1] ?? '');
}

/** Empty where it isn't there. */
function optional(path: string): string {
  if (!existsSync(path)) return '';
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // Removed in between, as a process that ends is.
    return '';
  }
}

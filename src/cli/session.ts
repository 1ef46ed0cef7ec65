import { setTimeout as delay } from 'node:timers/promises';

/** What a command has of the world around it; a test gives it another. */
export interface Session {
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean; setRawMode?(isRaw: boolean): unknown };
  readonly stdout: NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number };
  readonly stderr: NodeJS.WritableStream & { readonly isTTY?: boolean };
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Calls back at each signal until the returned function is called; the process then doesn't end by it. */
  onSignal(signals: readonly NodeJS.Signals[], listener: (signal: NodeJS.Signals) => void): () => void;
  /** Milliseconds since 1970. */
  now(): number;
  /** Resolves after some milliseconds, early where the signal is aborted. */
  pause(ms: number, signal?: AbortSignal): Promise<void>;
}

/** The session of this process. */
export function processSession(): Session {
  return {
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    cwd: process.cwd(),
    onSignal(signals, listener) {
      for (const signal of signals) process.on(signal, listener);
      return () => {
        for (const signal of signals) process.off(signal, listener);
      };
    },
    now: () => Date.now(),
    pause: (ms, signal) =>
      delay(ms, undefined, signal === undefined ? {} : { signal }).catch((error: unknown) => {
        if (signal?.aborted !== true) throw error;
      }),
  };
}

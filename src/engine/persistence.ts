import { setTimeout as sleep } from 'node:timers/promises';

/** How long to wait before the second try, and at most between later ones; each wait doubles. Milliseconds. */
export interface Patience {
  readonly firstMs: number;
  readonly maxMs: number;
}

export interface PersistOptions {
  readonly patience: Patience;
  /** Whether trying again may help. */
  readonly passes: (error: unknown) => boolean;
  /** In all; endless where it is left out. */
  readonly tries?: number;
  /** No further try once it is aborted. */
  readonly signal?: AbortSignal;
  readonly onFailure: (error: unknown) => void;
}

/** Tries until it succeeds; throws the last error where a further try can't help or isn't allowed. */
export async function persist<T>(operation: () => Promise<T>, options: PersistOptions): Promise<T> {
  const { patience, signal, tries = Infinity } = options;
  const isOver = (): boolean => signal?.aborted === true;
  for (let count = 1; ; count += 1) {
    try {
      return await operation();
    } catch (error) {
      if (count >= tries || isOver() || !options.passes(error)) throw error;
      options.onFailure(error);
      await pause(Math.min(patience.maxMs, patience.firstMs * 2 ** (count - 1)), signal);
      if (isOver()) throw error;
    }
  }
}

/** Ends early, and quietly, where the signal aborts. */
async function pause(delayMs: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(delayMs, undefined, signal === undefined ? {} : { signal });
  } catch {
    // Aborted: the caller looks at the signal.
  }
}

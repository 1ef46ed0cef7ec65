import { BulkheadError } from '../errors.ts';

/** Lets a few through at a time, keeps a few waiting in order, and turns away the rest. */
export interface Gate {
  /** Throws `busy` where too many wait already. */
  run<T>(work: () => Promise<T>): Promise<T>;
}

export function createGate(limits: { readonly running: number; readonly waiting: number }): Gate {
  let running = 0;
  const waiting: (() => void)[] = [];
  /** How long one takes, most of it the latest ones. */
  let meanMs = 0;

  return {
    async run(work) {
      if (running >= limits.running) await turn();
      else running++;
      const since = performance.now();
      try {
        return await work();
      } finally {
        meanMs += (performance.now() - since - meanMs) / 8;
        const next = waiting.shift();
        if (next === undefined) running--;
        else next();
      }
    },
  };

  function turn(): Promise<void> {
    if (waiting.length >= limits.waiting) {
      throw new BulkheadError(
        'busy',
        `Too many sign-ins at once: ${limits.waiting} wait already. Try again in a few seconds, or use a token, which costs nothing to check`,
        // Until those who wait had their turn.
        { retryAfterMs: (waiting.length / limits.running) * meanMs },
      );
    }
    return new Promise((resolve) => waiting.push(resolve));
  }
}

import { BulkheadError } from '../errors.ts';

/** Lets a few through at a time, keeps a few waiting in order, and turns away the rest. */
export interface Gate {
  /** Throws `busy` where too many wait already. */
  run<T>(work: () => Promise<T>): Promise<T>;
}

export function createGate(limits: { readonly running: number; readonly waiting: number }): Gate {
  let running = 0;
  const waiting: (() => void)[] = [];

  return {
    async run(work) {
      if (running >= limits.running) await turn();
      else running++;
      try {
        return await work();
      } finally {
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
      );
    }
    return new Promise((resolve) => waiting.push(resolve));
  }
}

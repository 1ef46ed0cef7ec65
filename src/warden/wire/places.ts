import { BulkheadError } from '../../errors.ts';

/** So many may be in at once; who comes later waits, and goes in by order of coming. */
export interface Places {
  /** Answers how to leave, which is safe to repeat. Throws `canceled` where `signal` aborts before. */
  enter(signal: AbortSignal): Promise<() => void>;
}

export function createPlaces(count: number): Places {
  let free = count;
  const waiting = new Set<() => void>();

  function leave(): void {
    const [next] = waiting;
    if (next === undefined) {
      free += 1;
      return;
    }
    waiting.delete(next);
    next();
  }

  async function turn(signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const abandon = (): void => {
      if (waiting.delete(resolve))
        reject(new BulkheadError('canceled', 'the task was canceled while its files waited to be moved'));
    };
    waiting.add(resolve);
    signal.addEventListener('abort', abandon, { once: true });
    try {
      await promise;
    } finally {
      signal.removeEventListener('abort', abandon);
    }
  }

  return {
    async enter(signal) {
      if (free > 0) free -= 1;
      else await turn(signal);
      let isIn = true;
      return () => {
        if (isIn) leave();
        isIn = false;
      };
    },
  };
}

/** Runs something again and again, never twice at once, until it is stopped. */
export interface Rounds {
  /** Resolves when no round runs any more. */
  stop(): Promise<void>;
}

/** `round` is called every `everyMs` milliseconds after the last one ended; what it throws is told, and the next one comes. */
export function startRounds(
  everyMs: number,
  round: () => Promise<void>,
  onError: (error: unknown) => void,
): Rounds {
  let isStopped = false;
  let running: Promise<void> = Promise.resolve();
  let timer: NodeJS.Timeout;

  function schedule(): void {
    timer = setTimeout(() => {
      running = round()
        .catch(onError)
        .then(() => (isStopped ? undefined : schedule()));
    }, everyMs);
    timer.unref();
  }

  schedule();
  return {
    stop: async () => {
      isStopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}

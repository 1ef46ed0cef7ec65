import { BulkheadError } from '../errors.ts';

interface Job<T> {
  readonly result: Promise<T>;
  readonly controller: AbortController;
  readonly listeners: Set<(message: string) => void>;
  callers: number;
}

/**
 * Work that several callers may want at once, by a key: it is done once for all of them. A caller who aborts
 * leaves; the work itself is aborted when the last one has left. A failure isn't kept: the next caller tries again.
 */
export class SharedWork<T> {
  readonly #jobs = new Map<string, Job<T>>();

  /** `work` is started only where none is under way. Throws `canceled` as soon as `signal` aborts, else what the work throws. */
  async run(
    key: string,
    work: (tell: (message: string) => void, signal: AbortSignal) => Promise<T>,
    tell: (message: string) => void,
    signal: AbortSignal,
  ): Promise<T> {
    if (signal.aborted) throw canceled(key);
    const job = this.#jobs.get(key) ?? this.#start(key, work);
    const left = Promise.withResolvers<never>();
    const leave = (): void => left.reject(canceled(key));
    // Two callers may pass the same function, and each must hear the news.
    const listener = (message: string): void => tell(message);
    job.callers += 1;
    job.listeners.add(listener);
    signal.addEventListener('abort', leave, { once: true });
    try {
      return await Promise.race([job.result, left.promise]);
    } finally {
      signal.removeEventListener('abort', leave);
      job.listeners.delete(listener);
      job.callers -= 1;
      if (job.callers === 0) this.#abandon(key, job);
    }
  }

  #start(key: string, work: (tell: (message: string) => void, signal: AbortSignal) => Promise<T>): Job<T> {
    const controller = new AbortController();
    const listeners = new Set<(message: string) => void>();
    const result = work((message) => listeners.forEach((tell) => tell(message)), controller.signal);
    const job: Job<T> = { result, controller, listeners, callers: 0 };
    this.#jobs.set(key, job);
    const forget = (): void => {
      if (this.#jobs.get(key) === job) this.#jobs.delete(key);
    };
    result.then(forget, forget);
    return job;
  }

  /** Nobody may join work that is being aborted. Where it has ended already, aborting does nothing. */
  #abandon(key: string, job: Job<T>): void {
    if (this.#jobs.get(key) === job) this.#jobs.delete(key);
    job.controller.abort();
  }
}

function canceled(key: string): BulkheadError {
  return new BulkheadError('canceled', `Waiting for ${key} was canceled.`);
}

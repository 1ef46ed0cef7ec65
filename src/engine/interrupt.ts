import { BulkheadError } from '../errors.ts';

/**
 * Why an attempt is not to go on. `canceled`: its task is CANCELING. `lost`: the store says that the task is no
 * longer this attempt's. `fenced`: another engine has taken the attempt over, and does the rest. `detached`: this process
 * leaves, and the next one takes up what runs.
 */
export type InterruptCause = 'canceled' | 'lost' | 'fenced' | 'detached';

const WEIGHT: Readonly<Record<InterruptCause, number>> = { canceled: 1, lost: 2, fenced: 3, detached: 4 };

/** One attempt's way of being told to stop, whatever it is waiting for. */
export class Interrupt {
  readonly #any = new AbortController();
  readonly #withdrawn = new AbortController();
  #cause: InterruptCause | undefined;

  /** Aborts at the first cause. */
  get signal(): AbortSignal {
    return this.#any.signal;
  }

  /** Aborts where this process has no business with the attempt any more: what runs goes on, and nothing is waited for or tried again. */
  get withdrawn(): AbortSignal {
    return this.#withdrawn.signal;
  }

  /** The weightiest so far: who leaves the process cancels nothing any more. */
  get cause(): InterruptCause | undefined {
    return this.#cause;
  }

  raise(cause: InterruptCause): void {
    if (this.#cause !== undefined && WEIGHT[cause] <= WEIGHT[this.#cause]) return;
    this.#cause = cause;
    if (cause === 'detached' || cause === 'fenced') this.#withdrawn.abort(interruption(cause));
    this.#any.abort(interruption(cause));
  }

  /** Throws `canceled` where there is a cause. */
  check(): void {
    if (this.#cause !== undefined) throw interruption(this.#cause);
  }

  /** Throws `canceled` where the attempt is left to others. */
  checkWithdrawn(): void {
    if (this.#withdrawn.signal.aborted) this.check();
  }

  /** The promise's value, or `canceled` thrown as soon as this process withdraws; what is left behind never rejects unheard. */
  async unlessWithdrawn<T>(promise: Promise<T>): Promise<T> {
    const { promise: left, reject } = Promise.withResolvers<never>();
    const onAbort = (): void => reject(interruption(this.#cause ?? 'detached'));
    if (this.withdrawn.aborted) onAbort();
    this.withdrawn.addEventListener('abort', onAbort, { once: true });
    try {
      return await Promise.race([promise, left]);
    } finally {
      this.withdrawn.removeEventListener('abort', onAbort);
    }
  }
}

function interruption(cause: InterruptCause): BulkheadError {
  return new BulkheadError('canceled', `the attempt is ${cause}`);
}

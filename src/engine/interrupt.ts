import { BulkheadError } from '../errors.ts';

/**
 * Why an attempt is not to go on. `canceled`: its task is CANCELING. `lost`: the store says that the task is no
 * longer this attempt's. `detached`: this process leaves, and the next one takes up what runs.
 */
export type InterruptCause = 'canceled' | 'lost' | 'detached';

const WEIGHT: Readonly<Record<InterruptCause, number>> = { canceled: 1, lost: 2, detached: 3 };

/** One attempt's way of being told to stop, whatever it is waiting for. */
export class Interrupt {
  readonly #any = new AbortController();
  readonly #detached = new AbortController();
  #cause: InterruptCause | undefined;

  /** Aborts at the first cause. */
  get signal(): AbortSignal {
    return this.#any.signal;
  }

  /** Aborts where the process leaves: nothing is waited for or tried again after that. */
  get detached(): AbortSignal {
    return this.#detached.signal;
  }

  /** The weightiest so far: who leaves the process cancels nothing any more. */
  get cause(): InterruptCause | undefined {
    return this.#cause;
  }

  raise(cause: InterruptCause): void {
    if (this.#cause !== undefined && WEIGHT[cause] <= WEIGHT[this.#cause]) return;
    this.#cause = cause;
    if (cause === 'detached') this.#detached.abort(interruption(cause));
    this.#any.abort(interruption(cause));
  }

  /** Throws `canceled` where there is a cause. */
  check(): void {
    if (this.#cause !== undefined) throw interruption(this.#cause);
  }

  /** The promise's value, or `canceled` thrown as soon as the process leaves; what is left behind never rejects unheard. */
  async unlessDetached<T>(promise: Promise<T>): Promise<T> {
    const { promise: left, reject } = Promise.withResolvers<never>();
    const onAbort = (): void => reject(interruption('detached'));
    if (this.detached.aborted) onAbort();
    this.detached.addEventListener('abort', onAbort, { once: true });
    try {
      return await Promise.race([promise, left]);
    } finally {
      this.detached.removeEventListener('abort', onAbort);
    }
  }
}

function interruption(cause: InterruptCause): BulkheadError {
  return new BulkheadError('canceled', `the attempt is ${cause}`);
}

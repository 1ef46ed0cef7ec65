import type { Hold, HoldCause } from './operation.ts';

/** Why nothing new is started, each cause once. */
export class Holds {
  readonly #holds = new Map<HoldCause, Hold>();
  readonly #now: () => number;
  readonly #onFree: () => void;

  /** `onFree` is called when the last hold is lifted. */
  constructor(now: () => number, onFree: () => void) {
    this.#now = now;
    this.#onFree = onFree;
  }

  get any(): boolean {
    return this.#holds.size > 0;
  }

  list(): readonly Hold[] {
    return [...this.#holds.values()];
  }

  hold(cause: HoldCause, reason: string): void {
    this.#holds.set(cause, { cause, reason, since: this.#holds.get(cause)?.since ?? this.#now() });
  }

  lift(cause: HoldCause): void {
    if (this.#holds.delete(cause) && !this.any) this.#onFree();
  }
}

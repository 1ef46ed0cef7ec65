import type { Patience } from './persistence.ts';

/** Tasks that are queued and not to be tried again yet; each time of one is twice as long as its last. In memory only: a restart is a rest. */
export class Rests {
  readonly #patience: Patience;
  readonly #onOver: () => void;
  readonly #counts = new Map<string, number>();
  readonly #timers = new Map<string, NodeJS.Timeout>();

  constructor(patience: Patience, onOver: () => void) {
    this.#patience = patience;
    this.#onOver = onOver;
  }

  has(taskId: string): boolean {
    return this.#timers.has(taskId);
  }

  begin(taskId: string): void {
    const count = this.#counts.get(taskId) ?? 0;
    this.#counts.set(taskId, count + 1);
    const restMs = Math.min(this.#patience.maxMs, this.#patience.firstMs * 2 ** count);
    const timer = setTimeout(() => {
      this.#timers.delete(taskId);
      this.#onOver();
    }, restMs);
    this.#timers.set(taskId, timer.unref());
  }

  /** The task has ended. */
  forget(taskId: string): void {
    clearTimeout(this.#timers.get(taskId));
    this.#timers.delete(taskId);
    this.#counts.delete(taskId);
  }

  clear(): void {
    for (const taskId of this.#timers.keys()) this.forget(taskId);
  }
}

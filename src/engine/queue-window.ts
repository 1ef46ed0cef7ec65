import type { QueuedTask, Store } from '../store/store.ts';

/** The part of the queue that is in memory: however long it is, no more than this. */
const WINDOW_SIZE = 256;
/** Below this the next tasks are read. */
const LOW_WATER = 64;

/** The front of the queue, read from the store by key as it is used up. */
export class QueueWindow {
  readonly #store: Store;
  readonly #isTaken: (taskId: string) => boolean;
  #tasks: QueuedTask[] = [];
  #afterSequence: number | undefined;
  #mayHaveMore = true;
  #isStale = false;

  constructor(store: Store, isTaken: (taskId: string) => boolean) {
    this.#store = store;
    this.#isTaken = isTaken;
  }

  get tasks(): readonly QueuedTask[] {
    return this.#tasks;
  }

  /** A task has come, at the end. */
  extend(): void {
    this.#mayHaveMore = true;
  }

  /** A task has come back to its old place, or one may have been overlooked: read again from the front. */
  reset(): void {
    this.#isStale = true;
  }

  remove(taskIds: ReadonlySet<string>): void {
    this.#tasks = this.#tasks.filter(({ id }) => !taskIds.has(id));
  }

  /** Reads what is due. One call at a time. */
  async fill(): Promise<void> {
    if (this.#isStale) {
      this.#isStale = false;
      this.#tasks = [];
      this.#afterSequence = undefined;
      this.#mayHaveMore = true;
    }
    if (!this.#mayHaveMore || this.#tasks.length >= LOW_WATER) return;
    const limit = WINDOW_SIZE - this.#tasks.length;
    this.#mayHaveMore = false;
    let page: readonly QueuedTask[];
    try {
      page = await this.#store.queued({
        limit,
        ...(this.#afterSequence === undefined ? {} : { afterSequence: this.#afterSequence }),
      });
    } catch (error) {
      this.#mayHaveMore = true;
      throw error;
    }
    if (page.length === limit) this.#mayHaveMore = true;
    this.#afterSequence = page.at(-1)?.sequence ?? this.#afterSequence;
    // What was claimed a moment ago may still be QUEUED in the store.
    this.#tasks.push(...page.filter(({ id }) => !this.#isTaken(id)));
  }
}

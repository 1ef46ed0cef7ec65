import type { Dependencies } from './dependencies.ts';
import { endQueued, overdue } from './queue-end.ts';

/** Tasks looked at in one round: a long queue is walked in several, so that no round is long. */
const PAGE = 500;

/** Walks the whole queue, a page a round, and ends what has waited for too long. */
export class QueuePatrol {
  readonly #dependencies: Dependencies;
  #afterSequence: number | undefined;

  constructor(dependencies: Dependencies) {
    this.#dependencies = dependencies;
  }

  /** Returns the tasks that it ended. Throws what the store throws; the next round then looks at the same page. */
  async round(): Promise<ReadonlySet<string>> {
    const { now, store } = this.#dependencies;
    const after = this.#afterSequence;
    const page = await store.queued({
      limit: PAGE,
      ...(after === undefined ? {} : { afterSequence: after }),
    });
    const ended = new Set<string>();
    for (const task of page) {
      const reason = overdue(task, now());
      if (reason !== undefined && (await endQueued(this.#dependencies, task.id, reason))) ended.add(task.id);
    }
    this.#afterSequence = page.length === PAGE ? page.at(-1)?.sequence : undefined;
    return ended;
  }
}

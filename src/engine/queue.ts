import type { Capacity } from '../backends/backend.ts';
import type { Limits } from '../sandbox/sandbox.ts';
import { beginAttempt } from './attempt.ts';
import type { RunningAttempt } from './attempt.ts';
import type { Dependencies } from './dependencies.ts';
import type { Holds } from './holds.ts';
import type { AttemptEnd } from './outcome.ts';
import type { Patience } from './persistence.ts';
import { endQueued } from './queue-end.ts';
import { QueueWindow } from './queue-window.ts';
import { Rests } from './rests.ts';
import { choose, EMPTY_LINE } from './scheduler.ts';
import type { Line } from './scheduler.ts';

interface Placed {
  readonly attempt: RunningAttempt;
  readonly limits: Limits;
}

/** From queued tasks to running attempts: claims what fits, as the scheduler says, and frees what has ended. */
export class Queue {
  readonly #dependencies: Dependencies;
  readonly #window: QueueWindow;
  readonly #holds: Pick<Holds, 'any'>;
  readonly #placed = new Map<string, Placed>();
  readonly #rests: Rests;
  #total: Capacity | undefined;
  #line: Line = EMPTY_LINE;
  #isClosed = false;
  #pumping: Promise<void> | undefined;
  #isDue = false;

  /** While there is a hold, nothing is claimed. */
  constructor(dependencies: Dependencies, holds: Pick<Holds, 'any'>, backOff: Patience) {
    this.#dependencies = dependencies;
    this.#holds = holds;
    this.#rests = new Rests(backOff, () => this.rescan());
    this.#window = new QueueWindow(dependencies.store, (taskId) => this.#placed.has(taskId));
  }

  /** Attempts that hold room. */
  get running(): number {
    return this.#placed.size;
  }

  attempt(taskId: string): RunningAttempt | undefined {
    return this.#placed.get(taskId)?.attempt;
  }

  /** Begins to claim. */
  open(total: Capacity): void {
    this.#total = total;
    this.#pump();
  }

  /** A task has come. */
  arrival(): void {
    this.#window.extend();
    this.#pump();
  }

  /** As if nothing were known of the queue. */
  rescan(): void {
    this.#window.reset();
    this.#pump();
  }

  /** These are not queued any more. */
  drop(taskIds: ReadonlySet<string>): void {
    if (taskIds.size === 0) return;
    this.#window.remove(taskIds);
    this.#pump();
  }

  /** An attempt that holds room, wherever it came from. */
  adopt(attempt: RunningAttempt, limits: Limits): void {
    this.#placed.set(attempt.taskId, { attempt, limits });
    attempt.done.then(
      (end) => this.#free(attempt, end),
      (error: unknown) =>
        this.#dependencies.logger.error({ err: error, taskId: attempt.taskId }, 'an attempt rejected'),
    );
  }

  /** Claims nothing more. With `drain`, running attempts come to their end; else they are left to the next process. */
  async close({ drain }: { drain: boolean }): Promise<void> {
    this.#isClosed = true;
    this.#rests.clear();
    await this.#pumping;
    const attempts = [...this.#placed.values()].map(({ attempt }) => attempt);
    if (!drain) for (const attempt of attempts) attempt.detach();
    await Promise.all(attempts.map(async ({ done }) => await done));
  }

  #free(attempt: RunningAttempt, end: AttemptEnd): void {
    this.#placed.delete(attempt.taskId);
    // It has its old place in the queue again, which is before what was read.
    if (end === 'requeued' || end === 'resting') this.#window.reset();
    if (end === 'resting') this.#rests.begin(attempt.taskId);
    if (end === 'ended') this.#rests.forget(attempt.taskId);
    this.#dependencies.notices.tell(attempt.taskId);
    this.#pump();
  }

  /** One look at the queue at a time; whoever asks meanwhile gets one more. */
  #pump(): void {
    this.#isDue = true;
    this.#pumping ??= this.#lookWhileDue().finally(() => {
      this.#pumping = undefined;
      if (this.#isDue && !this.#isClosed && this.#total !== undefined) this.#pump();
    });
  }

  async #lookWhileDue(): Promise<void> {
    while (this.#isDue && !this.#isClosed && this.#total !== undefined) {
      this.#isDue = false;
      // However many tasks come: with every slot taken, nothing is read.
      if (this.#holds.any || this.#placed.size >= this.#total.slots) return;
      try {
        await this.#look(this.#total);
      } catch (error) {
        this.#dependencies.logger.warn({ err: error }, 'the queue could not be read; trying again');
        setTimeout(() => this.#pump(), this.#dependencies.patience.firstMs).unref();
      }
    }
  }

  async #look(total: Capacity): Promise<void> {
    await this.#window.fill();
    if (this.#isClosed || this.#holds.any) return;
    const waiting = this.#window.tasks.filter(({ id }) => !this.#rests.has(id));
    const running = [...this.#placed.values()].map(({ limits }) => limits);
    const { impossible, line, start } = choose(waiting, total, running, this.#line);
    this.#line = line;
    if (start.length + impossible.length === 0) return;
    this.#window.remove(new Set([...start, ...impossible].map(({ id }) => id)));
    for (const task of start) this.adopt(beginAttempt(this.#dependencies, task.id), task.sandbox.limits);
    for (const { id } of impossible)
      await endQueued(this.#dependencies, id, 'the task is larger than this machine is now');
    this.#isDue = true;
  }
}

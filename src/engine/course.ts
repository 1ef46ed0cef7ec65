import type { Attempt, Backend, Handle, KillReason } from '../backends/backend.ts';
import { isBulkheadError } from '../errors.ts';
import type { ErrorCode } from '../errors.ts';
import type { AttemptRecord, TaskRecord } from '../store/store.ts';
import type { TesState } from '../tes/states.ts';
import type { Dependencies } from './dependencies.ts';
import type { AttemptDraft } from './draft.ts';
import type { Interrupt } from './interrupt.ts';
import { Journal } from './journal.ts';
import { persist } from './persistence.ts';
import { Progress } from './progress.ts';

/** What a step of the backend may fail with once and not again: worth another try, as nothing of the task has run by it. */
const PASSING: readonly ErrorCode[] = ['registry', 'storage-failed', 'warden', 'disk-full'];
const TRIES = 3;

/** One attempt under way: what its steps share. */
export class Course {
  readonly dependencies: Dependencies;
  readonly attempt: Attempt;
  readonly draft: AttemptDraft;
  readonly interrupt: Interrupt;
  readonly journal: Journal;
  /** The task's attempts before this one. */
  readonly earlier: readonly AttemptRecord[];
  readonly progress = new Progress();
  #isReleased = false;

  constructor(
    dependencies: Dependencies,
    task: TaskRecord,
    state: TesState,
    draft: AttemptDraft,
    interrupt: Interrupt,
    token?: number,
  ) {
    const { id, owner, document, sandbox } = task;
    this.earlier = task.attempts.filter(({ number }) => number < draft.number);
    this.dependencies = dependencies;
    this.draft = draft;
    this.interrupt = interrupt;
    this.journal = new Journal(dependencies, id, state, draft, interrupt, token);
    this.attempt = { taskId: id, number: draft.number, owner, document, sandbox };
  }

  get backend(): Backend {
    return this.dependencies.backend;
  }

  /** Those who follow the task look again. */
  tell(): void {
    this.dependencies.notices.tell(this.attempt.taskId);
  }

  /** Before this process does what another one would do too: throws `canceled` where the attempt isn't its own any more. */
  async confirm(): Promise<void> {
    const { token } = this.journal;
    if (token !== undefined) await this.dependencies.leases.confirm(token);
  }

  /** A step that is safe to repeat, tried again where its error may pass. */
  async step<T>(operation: () => Promise<T>): Promise<T> {
    return await this.#persist(
      async () => {
        await this.confirm();
        return await operation();
      },
      TRIES,
      (error) => isBulkheadError(error) && PASSING.includes(error.code),
      this.interrupt.signal,
    );
  }

  /** Kills what runs, if it isn't freed by then, and tries until it is dead or the process leaves; with `tries`, throws after so many. */
  async kill(handle: Handle, reason: KillReason, tries?: number): Promise<void> {
    await this.#persist(
      async () => {
        // Whoever has the attempt kills it at its wall time: that is not put off until the store answers.
        if (reason !== 'wall-time') await this.confirm();
        if (!this.#isReleased) await this.backend.kill(handle, reason);
      },
      tries,
      () => true,
      this.interrupt.withdrawn,
    );
  }

  /** Frees everything, once: a place that was freed may be another attempt's by then. */
  async release(handle: Handle): Promise<void> {
    if (this.#isReleased) return;
    await this.#persist(
      async () => {
        await this.confirm();
        await this.backend.release(handle);
      },
      undefined,
      () => true,
      this.interrupt.withdrawn,
    );
    this.#isReleased = true;
  }

  async #persist<T>(
    operation: () => Promise<T>,
    tries: number | undefined,
    passes: (error: unknown) => boolean,
    signal: AbortSignal,
  ): Promise<T> {
    const { logger, patience } = this.dependencies;
    return await persist(operation, {
      patience,
      passes,
      signal,
      ...(tries === undefined ? {} : { tries }),
      onFailure: (error) =>
        logger.warn({ err: error, taskId: this.attempt.taskId }, 'the backend failed; trying again'),
    });
  }
}

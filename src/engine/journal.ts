import { isBulkheadError } from '../errors.ts';
import type { TesState } from '../tes/states.ts';
import type { Dependencies } from './dependencies.ts';
import type { AttemptDraft } from './draft.ts';
import type { Interrupt } from './interrupt.ts';
import { persist } from './persistence.ts';

/**
 * Writes one attempt to the store: one write after the other, in the order asked for, each tried until the store
 * takes it or the process leaves. Nothing here rejects, so that a caller need not wait where it has no reason to:
 * a write that shows that the task has become someone else's, or is being canceled, raises the interrupt.
 */
export class Journal {
  #state: TesState;
  #tail: Promise<unknown> = Promise.resolve();
  #waitingSave: Promise<boolean> | undefined;
  readonly #dependencies: Dependencies;
  readonly #taskId: string;
  readonly #draft: AttemptDraft;
  readonly #interrupt: Interrupt;

  constructor(
    dependencies: Dependencies,
    taskId: string,
    state: TesState,
    draft: AttemptDraft,
    interrupt: Interrupt,
  ) {
    this.#dependencies = dependencies;
    this.#taskId = taskId;
    this.#state = state;
    this.#draft = draft;
    this.#interrupt = interrupt;
  }

  /** As the store had it when this journal last heard of it. */
  get state(): TesState {
    return this.#state;
  }

  /** Of a task that the store says is CANCELING; after what is still in the line, whose answers may be older. */
  async canceled(): Promise<boolean> {
    void this.#inTurn(async () => {
      this.#state = 'CANCELING';
    });
    return await this.transition('CANCELED');
  }

  /** The draft as it is when its turn comes; several that wait are one. False where the write was given up. */
  async save(): Promise<boolean> {
    this.#waitingSave ??= this.#inTurn(async () => {
      this.#waitingSave = undefined;
      const saved = await this.#write('save', async () => {
        await this.#dependencies.store.saveAttempt(this.#taskId, this.#draft.record());
        return true;
      });
      return saved === true;
    });
    return await this.#waitingSave;
  }

  /** Compare and swap from the known state, with the draft; false where the task isn't in that state any more. */
  async transition(to: TesState, reason?: string): Promise<boolean> {
    const swapped = await this.#inTurn(async () => await this.#swap(to, reason));
    if (swapped) this.#dependencies.notices.tell(this.#taskId);
    return swapped;
  }

  async #swap(to: TesState, reason: string | undefined): Promise<boolean> {
    const { store, now } = this.#dependencies;
    const from = this.#state;
    // An earlier write in the line may have learnt that the task's end isn't this attempt's to choose any more.
    if (this.#interrupt.cause === 'lost' || (from === 'CANCELING' && to !== 'CANCELED')) return false;
    let tries = 0;
    const swapped = await this.#write(to, async () => {
      tries += 1;
      const attempt = this.#draft.record();
      return await store.transition({
        id: this.#taskId,
        from,
        to,
        at: now(),
        attempt,
        ...(reason === undefined ? {} : { reason }),
      });
    });
    if (swapped === undefined) return false;
    // A write whose answer was lost may have been done: then the second try finds it done.
    if (swapped || (tries > 1 && (await this.#look()) === to)) {
      this.#state = to;
      return true;
    }
    const mayBeMine = from !== 'QUEUED' || tries > 1;
    if (mayBeMine && (await this.#look()) === 'CANCELING') {
      this.#state = 'CANCELING';
      this.#interrupt.raise('canceled');
    } else {
      this.#interrupt.raise('lost');
    }
    return false;
  }

  async #look(): Promise<TesState | undefined> {
    const { store } = this.#dependencies;
    return await this.#write('look', async () => (await store.get(this.#taskId, { view: 'MINIMAL' }))?.state);
  }

  async #inTurn<T>(write: () => Promise<T>): Promise<T> {
    const turn = this.#tail.then(write);
    this.#tail = turn;
    return await turn;
  }

  /** Undefined where the process leaves, or the store calls the write itself wrong: trying again can't help then. */
  async #write<T>(what: string, operation: () => Promise<T>): Promise<T | undefined> {
    const { logger, patience } = this.#dependencies;
    try {
      return await persist(operation, {
        patience,
        passes: (error) => !(isBulkheadError(error) && error.code === 'internal'),
        signal: this.#interrupt.detached,
        onFailure: (error) =>
          logger.warn({ err: error, taskId: this.#taskId, write: what }, 'the store failed; trying again'),
      });
    } catch (error) {
      logger.error({ err: error, taskId: this.#taskId, write: what }, 'a write to the store was given up');
      if (!this.#interrupt.detached.aborted) this.#interrupt.raise('lost');
      return undefined;
    }
  }
}

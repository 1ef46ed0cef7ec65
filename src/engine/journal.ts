import { isBulkheadError } from '../errors.ts';
import type { BulkheadError, ErrorCode } from '../errors.ts';
import { isActive } from '../tes/states.ts';
import type { TesState } from '../tes/states.ts';
import type { Dependencies } from './dependencies.ts';
import type { AttemptDraft } from './draft.ts';
import type { Interrupt } from './interrupt.ts';
import { persist } from './persistence.ts';

/** What another try can't change. */
const FINAL: readonly ErrorCode[] = ['internal', 'fenced', 'not-found'];

/**
 * Writes one attempt to the store: one write after the other, in the order asked for, each tried until the store
 * takes it or the process leaves. Nothing here rejects, so that a caller need not wait where it has no reason to:
 * a write that shows that the task has become someone else's, or is being canceled, raises the interrupt.
 */
export class Journal {
  #state: TesState;
  #token: number | undefined;
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
    token?: number,
  ) {
    this.#token = token;
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

  /** Of the lease; undefined until there is one. */
  get token(): number | undefined {
    return this.#token;
  }

  /** QUEUED to INITIALIZING, under a lease; false where the task isn't queued, or is CANCELING by now. */
  async claim(): Promise<boolean> {
    const isClaimed = await this.#inTurn(async () => await this.#claim());
    if (isClaimed) this.#dependencies.notices.tell(this.#taskId);
    return isClaimed;
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
        await this.#dependencies.store.saveAttempt(this.#taskId, this.#draft.record(), this.#token);
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

  async #claim(): Promise<boolean> {
    const { leases, store, now } = this.#dependencies;
    const claimed = await this.#write('claim', async () => {
      const since = leases.moment();
      const attempt = this.#draft.record();
      const answer = await store.claim({ id: this.#taskId, at: now(), attempt, ...leases.terms });
      if (answer !== undefined) leases.hold(answer.token, since, this.#interrupt);
      return answer ?? 'refused';
    });
    if (claimed === undefined) return false;
    if (claimed === 'refused') {
      this.#interrupt.raise('lost');
      return false;
    }
    this.#token = claimed.token;
    this.#state = claimed.state;
    // A claim whose answer was lost, and a cancel in between: the end is this attempt's to tell.
    if (claimed.state === 'CANCELING') this.#interrupt.raise('canceled');
    return claimed.state === 'INITIALIZING';
  }

  async #swap(to: TesState, reason: string | undefined): Promise<boolean> {
    const { leases, store, now } = this.#dependencies;
    const [from, token] = [this.#state, this.#token];
    // An earlier write in the line may have learnt that the task's end isn't this attempt's to choose any more.
    if (this.#interrupt.cause === 'lost' || (from === 'CANCELING' && to !== 'CANCELED')) return false;
    if (token !== undefined && !isActive(to)) leases.ending(token);
    let tries = 0;
    const swapped = await this.#write(to, async () => {
      tries += 1;
      const attempt = this.#draft.record();
      try {
        return await store.transition({
          id: this.#taskId,
          from,
          to,
          at: now(),
          attempt,
          ...(reason === undefined ? {} : { reason }),
          ...(token === undefined ? {} : { token }),
        });
      } catch (error) {
        // A first try whose answer was lost may have ended the lease, with the task.
        if (tries > 1 && !isActive(to) && isFenced(error)) return error;
        throw error;
      }
    });
    if (swapped === undefined) return false;
    // A write whose answer was lost may have been done: then the second try finds it done.
    if (swapped === true || (tries > 1 && (await this.#look()) === to)) {
      this.#state = to;
      return true;
    }
    if (swapped !== false) {
      this.#interrupt.raise('fenced');
    } else if ((await this.#look()) === 'CANCELING') {
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

  /** Undefined where this process withdraws, or the store calls the write itself wrong: trying again can't help then. */
  async #write<T>(what: string, operation: () => Promise<T>): Promise<T | undefined> {
    const { logger, patience } = this.#dependencies;
    try {
      return await persist(operation, {
        patience,
        passes: (error) => !(isBulkheadError(error) && FINAL.includes(error.code)),
        signal: this.#interrupt.withdrawn,
        onFailure: (error) =>
          logger.warn({ err: error, taskId: this.#taskId, write: what }, 'the store failed; trying again'),
      });
    } catch (error) {
      if (this.#interrupt.withdrawn.aborted) return undefined;
      if (isFenced(error)) {
        logger.warn(
          { err: error, taskId: this.#taskId },
          'another engine has the task; it is left alone here',
        );
      } else {
        logger.error({ err: error, taskId: this.#taskId, write: what }, 'a write to the store was given up');
      }
      this.#interrupt.raise(isFenced(error) ? 'fenced' : 'lost');
      return undefined;
    }
  }
}

function isFenced(error: unknown): error is BulkheadError {
  return isBulkheadError(error) && error.code === 'fenced';
}

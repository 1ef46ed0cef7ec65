import { Worker } from 'node:worker_threads';
import { BulkheadError } from '../../errors.ts';
import { fromFailure } from './failure.ts';
import type { Answer, Greeting, InputOf, OutputOf, Request, ThreadData } from './messages.ts';

// Beside this file as source, or as the compiler emitted it.
const THREAD = new URL(import.meta.url.endsWith('.ts') ? './thread.ts' : './thread.js', import.meta.url);

/** The serving thread's end of a database thread. What is called in one turn of the event loop goes in one message. */
export class Channel<O> {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiter>();
  readonly #exited: Promise<void>;
  #outbox: Request<O>[] = [];
  #lastNumber = 0;
  #ended: BulkheadError | undefined;
  #settled: (() => void) | undefined;

  private constructor(worker: Worker, { role, path }: ThreadData, onDeath: (error: BulkheadError) => void) {
    this.#worker = worker;
    worker.on('message', (answers: Answer[]) => this.#settle(answers));
    this.#exited = new Promise((resolve) => {
      worker.once('exit', () => resolve());
    });
    const die = (cause: unknown) => {
      if (this.#ended !== undefined && this.#waiting.size === 0) return;
      const why = cause instanceof Error ? cause.message : `exit code ${String(cause)}`;
      onDeath(
        new BulkheadError(
          'store',
          `The store's ${role} thread on ${path} died (${why}). What it had answered is stored; restart the server.`,
          { cause },
        ),
      );
    };
    worker.once('error', die);
    worker.once('exit', die);
  }

  /**
   * Starts a thread and waits until its database is open; throws what kept it from that. `onDeath` is called when the
   * thread ends without having been closed, and must `fail` the channel.
   */
  static async open<O>(
    data: ThreadData,
    options: { heapMegabytes?: number; onDeath: (error: BulkheadError) => void },
  ): Promise<Channel<O>> {
    const worker = new Worker(THREAD, {
      workerData: data,
      // Not the flags of a test runner or a debugger, and no warning about node:sqlite.
      execArgv: ['--disable-warning=ExperimentalWarning'],
      resourceLimits: {
        maxYoungGenerationSizeMb: 8,
        ...(options.heapMegabytes === undefined ? {} : { maxOldGenerationSizeMb: options.heapMegabytes }),
      },
    });
    const greeting = await new Promise<Greeting>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
      worker.once('exit', (code) =>
        reject(new BulkheadError('store', `A thread of the store ended with ${code}.`)),
      );
    });
    if (!greeting.opened) throw fromFailure(greeting.failure);
    return new Channel<O>(worker, data, options.onDeath);
  }

  call<N extends keyof O>(name: N, input: InputOf<O, N>): Promise<OutputOf<O, N>> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    return new Promise((resolve, reject) => {
      const number = (this.#lastNumber += 1);
      this.#waiting.set(number, { resolve, reject });
      if (this.#outbox.length === 0) setImmediate(() => this.#flush());
      this.#outbox.push({ number, name, input });
    });
  }

  /** Takes no more calls, waits for those under way, and ends the thread. */
  async close(reason: BulkheadError): Promise<void> {
    if (this.#ended === undefined) {
      this.#ended = reason;
      if (this.#waiting.size > 0) {
        await new Promise<void>((resolve) => {
          this.#settled = resolve;
        });
      }
      this.#worker.postMessage('close', []);
    }
    await this.#exited;
  }

  /** Rejects what is under way and every later call, and ends the thread if it still runs. */
  fail(error: BulkheadError): void {
    this.#ended = error;
    for (const waiter of this.#waiting.values()) waiter.reject(error);
    this.#waiting.clear();
    this.#outbox = [];
    this.#settled?.();
    void this.#worker.terminate();
  }

  #flush(): void {
    const requests = this.#outbox;
    this.#outbox = [];
    try {
      if (requests.length > 0) this.#worker.postMessage(requests, []);
    } catch (cause) {
      // A structured clone takes no functions: a caller passed more than the port's types name.
      const why = cause instanceof Error ? cause.message : String(cause);
      const error = new BulkheadError('internal', `A request can't be sent to the store's thread: ${why}`, {
        cause,
      });
      this.#settle(requests.map(({ number }) => ({ number, failure: error })));
    }
  }

  #settle(answers: readonly Answer[]): void {
    for (const answer of answers) {
      const waiter = this.#waiting.get(answer.number);
      this.#waiting.delete(answer.number);
      if ('failure' in answer) waiter?.reject(fromFailure(answer.failure));
      else waiter?.resolve(answer.value);
    }
    if (this.#waiting.size === 0) this.#settled?.();
  }
}

/** As methods, so that a promise of any operation fits: its handler's type is checked at the other end. */
interface Waiter {
  resolve(value: unknown): void;
  reject(error: BulkheadError): void;
}

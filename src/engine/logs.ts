import type { Handle } from '../backends/backend.ts';
import { BulkheadError } from '../errors.ts';
import type { ExecutorRecord, TaskEvent } from '../store/store.ts';
import { isTerminal } from '../tes/states.ts';
import type { TesState } from '../tes/states.ts';
import type { Course } from './course.ts';
import type { Dependencies } from './dependencies.ts';
import type { LogEvent } from './engine.ts';
import { handleOf } from './recovery.ts';

/** Bytes read at once: also the most that one follower holds in memory, as the next is read when it asks for it. */
const CHUNK_BYTES = 64 * 1024;

/** How soon a live log is looked at again: soon while something comes, ever less often while nothing does. Milliseconds. */
const SHORTEST_POLL_MS = 50;
const LONGEST_POLL_MS = 500;
/** How often the store is asked for states of which nobody told. */
const STATES_EVERY_MS = 1000;

const STREAMS = ['stdout', 'stderr'] as const;

/**
 * What happened to a task and what its executors wrote, in order: states, progress, output, exit codes, and the final
 * state last. Throws `not-found` for a task that doesn't exist. An attempt in this process is looked at directly, and
 * tells of every change; all else comes from the store.
 */
export async function* followLogs(
  dependencies: Dependencies,
  liveCourse: (taskId: string) => Course | undefined,
  taskId: string,
  { follow, signal }: { follow: boolean; signal: AbortSignal },
): AsyncGenerator<LogEvent, void, undefined> {
  const watch = dependencies.notices.watch(taskId);
  const reader = new TaskReader(dependencies, liveCourse, taskId);
  let pollMs = SHORTEST_POLL_MS;
  let isTold = true;
  try {
    while (!signal.aborted) {
      let isQuiet = true;
      for await (const event of reader.news(isTold)) {
        isQuiet = false;
        yield event;
        if (signal.aborted) return;
      }
      if (reader.isOver || !follow) return;
      pollMs = isQuiet ? Math.min(pollMs * 2, LONGEST_POLL_MS) : SHORTEST_POLL_MS;
      isTold = await watch.changed(pollMs, signal);
    }
  } finally {
    watch.close();
  }
}

/** What is to be known of one attempt. */
interface Sight {
  readonly number: number;
  readonly handle: Handle | undefined;
  readonly executors: readonly ExecutorRecord[];
  readonly course?: Course;
}

/** How far one follower has come. */
class TaskReader {
  /** The task has ended, and all of it was told. */
  isOver = false;
  readonly #dependencies: Dependencies;
  readonly #liveCourse: (taskId: string) => Course | undefined;
  readonly #taskId: string;
  #state: TesState = 'QUEUED';
  #states = 0;
  #statesReadAt = 0;
  #attempt = 0;
  #progress = 0;
  #executor = 0;
  #offsets = { stdout: 0, stderr: 0 };

  constructor(
    dependencies: Dependencies,
    liveCourse: (taskId: string) => Course | undefined,
    taskId: string,
  ) {
    this.#dependencies = dependencies;
    this.#liveCourse = liveCourse;
    this.#taskId = taskId;
  }

  /** Everything since the last call: states before the output that follows them, the final one after all output. */
  async *news(isTold: boolean): AsyncGenerator<LogEvent, void, undefined> {
    const fresh = await this.#freshEvents(isTold);
    const final = fresh.findLast(({ to }) => isTerminal(to));
    for (const event of fresh) {
      this.#state = event.to;
      if (event !== final) yield stateEvent(event);
    }
    // The disk may take the news of RUNNING after the first output is there.
    if (this.#state !== 'QUEUED' && this.#state !== 'INITIALIZING')
      yield* this.#newsOf(await this.#sight(), true);
    else yield* this.#newsOf(this.#liveSight(), false);
    if (final === undefined) return;
    yield stateEvent(final);
    this.isOver = true;
  }

  async #freshEvents(isTold: boolean): Promise<readonly TaskEvent[]> {
    const { now, store } = this.#dependencies;
    if (!isTold && now() - this.#statesReadAt < STATES_EVERY_MS) return [];
    this.#statesReadAt = now();
    const events = await store.events(this.#taskId);
    if (events.length === 0) throw new BulkheadError('not-found', `there is no task ${this.#taskId}`);
    const fresh = events.slice(this.#states);
    this.#states = events.length;
    return fresh;
  }

  /** The latest attempt; one in this process knows more than the store. */
  async #sight(): Promise<Sight | undefined> {
    const live = isTerminal(this.#state) ? undefined : this.#liveSight();
    if (live !== undefined) return live;
    const task = await this.#dependencies.store.get(this.#taskId, { view: 'FULL' });
    const record = task?.attempts.at(-1);
    if (task === undefined || record === undefined) return undefined;
    return { number: record.number, handle: handleOf(task), executors: record.executors };
  }

  #liveSight(): Sight | undefined {
    const course = this.#liveCourse(this.#taskId);
    if (course === undefined) return undefined;
    const { number, handle, executors } = course.draft;
    return { number, handle, executors, course };
  }

  async *#newsOf(sight: Sight | undefined, withOutput: boolean): AsyncGenerator<LogEvent, void, undefined> {
    if (sight === undefined) return;
    if (sight.number > this.#attempt) {
      this.#attempt = sight.number;
      this.#progress = 0;
      this.#executor = 0;
      this.#offsets = { stdout: 0, stderr: 0 };
    }
    for (const { number, message, at } of sight.course?.progress.after(this.#progress) ?? []) {
      this.#progress = number;
      yield { kind: 'progress', message, at };
    }
    for (const executor of withOutput ? sight.executors : []) {
      if (executor.index < this.#executor) continue;
      yield* this.#output(sight, executor);
      const { exitCode, endedAt, startedAt } = executor;
      if (exitCode === undefined) return;
      yield { kind: 'exit', executor: executor.index, exitCode, at: endedAt ?? startedAt };
      this.#executor = executor.index + 1;
      this.#offsets = { stdout: 0, stderr: 0 };
    }
  }

  /** Of both streams in turn, until neither has more. */
  async *#output(sight: Sight, executor: ExecutorRecord): AsyncGenerator<LogEvent, void, undefined> {
    for (let hasMore = true; hasMore;) {
      hasMore = false;
      for (const stream of STREAMS) {
        const data = await this.#read(sight, executor, stream);
        if (data.length === 0) continue;
        hasMore = true;
        this.#offsets[stream] += data.length;
        yield { kind: 'output', executor: executor.index, stream, data };
      }
    }
  }

  /** From the backend's files; where they are gone, what the record kept of them. */
  async #read({ handle }: Sight, executor: ExecutorRecord, stream: 'stdout' | 'stderr'): Promise<Uint8Array> {
    const offset = this.#offsets[stream];
    if (handle !== undefined) {
      const data = await this.#dependencies.backend.readLog(
        handle,
        executor.index,
        stream,
        offset,
        CHUNK_BYTES,
      );
      if (data.length > 0 || offset > 0) return data;
    }
    return Buffer.from(executor[stream] ?? '').subarray(offset, offset + CHUNK_BYTES);
  }
}

function stateEvent({ at, to }: TaskEvent): LogEvent {
  return { kind: 'state', state: to, at };
}

import type { ExecutorExit, Handle } from '../backends/backend.ts';
import { isBulkheadError } from '../errors.ts';
import type { AttemptRecord, TaskRecord } from '../store/store.ts';
import { running, stageOut } from './attempt.ts';
import type { RunningAttempt } from './attempt.ts';
import { Course } from './course.ts';
import type { Dependencies } from './dependencies.ts';
import { AttemptDraft } from './draft.ts';
import { failureOf, runExecutors } from './executors.ts';
import type { Outcome } from './outcome.ts';

/** How often a task is tried again that an earlier process left before anything of it had run. */
const MAX_ATTEMPTS = 5;

/** How long an executor that `wait` neither finds nor misses is taken as one that runs. Milliseconds. */
const FOUND_AFTER_MS = 250;

/** Takes up a task that an earlier process left INITIALIZING, RUNNING or CANCELING. */
export function resumeAttempt(dependencies: Dependencies, task: TaskRecord): RunningAttempt {
  return running(
    dependencies,
    task.id,
    async (interrupt) => {
      const record = task.attempts.at(-1) ?? unrecorded(task);
      const draft = AttemptDraft.resumed(task.sandbox, record, handleOf(task));
      if (task.state === 'CANCELING') interrupt.raise('canceled');
      return new Course(dependencies, task, task.state, draft, interrupt);
    },
    async (course) => await resume(course, task.state === 'INITIALIZING'),
  );
}

/** What the backend must keep when it sweeps. */
export function handleOf(task: TaskRecord): Handle | undefined {
  const handle = task.attempts.at(-1)?.handle;
  return isHandle(handle) ? handle : undefined;
}

function isHandle(value: unknown): value is Handle {
  return (
    typeof value === 'object' && value !== null && 'backend' in value && typeof value.backend === 'string'
  );
}

function unrecorded(task: TaskRecord): AttemptRecord {
  return {
    number: 1,
    startedAt: task.createdAt,
    executors: [],
    outputs: [],
    systemLogs: task.warnings,
    metadata: {},
  };
}

/**
 * A handle is stored before anything of a task runs, so where there is none, nothing has run. Where there is one, the
 * backend knows: an executor that it doesn't find was never started, and one that it finds goes on. An executor
 * that is on record as started and isn't found is lost, and never started again.
 */
async function resume(course: Course, isInitializing: boolean): Promise<Outcome> {
  const { draft, interrupt } = course;
  interrupt.check();
  if (draft.handle === undefined) return retried(course);
  const last = draft.executors.at(-1);
  if (last === undefined) {
    return isInitializing ? await probe(course, draft.handle) : lost(course, 0);
  }
  if (last.exitCode === undefined) {
    return await goOn(course, draft.handle, last.index, found(course, draft.handle, last.index));
  }
  const failure = failureOf(course, last.index);
  const earned = failure ?? (await runExecutors(course, draft.handle, { index: last.index + 1 }));
  return await stageOut(course, draft.handle, earned);
}

/** The last word of the earlier process was INITIALIZING: its first executor may have started since. */
async function probe(course: Course, handle: Handle): Promise<Outcome> {
  const { dependencies, draft, interrupt, journal } = course;
  const exit = found(course, handle, 0);
  try {
    await interrupt.unlessDetached(atMost(FOUND_AFTER_MS, exit));
  } catch (error) {
    if (isBulkheadError(error) && error.code === 'not-found') return retried(course);
    throw error;
  }
  draft.started(0, dependencies.now());
  void journal.transition('RUNNING');
  return await goOn(course, handle, 0, exit);
}

async function goOn(
  course: Course,
  handle: Handle,
  index: number,
  exit: Promise<ExecutorExit>,
): Promise<Outcome> {
  return await stageOut(course, handle, await runExecutors(course, handle, { index, exit }));
}

function found(course: Course, handle: Handle, index: number): Promise<ExecutorExit> {
  const exit = course.backend.wait(handle, course.attempt, index);
  // Its rejection is told to whoever awaits it, which may be later than it happens.
  exit.catch(() => undefined);
  return exit;
}

async function atMost(timeoutMs: number, promise: Promise<unknown>): Promise<void> {
  const { promise: over, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, timeoutMs);
  try {
    await Promise.race([promise, over]);
  } finally {
    clearTimeout(timer);
  }
}

function retried(course: Course): Outcome {
  const { draft } = course;
  if (draft.number >= MAX_ATTEMPTS) {
    draft.log(
      `the server ended during each of ${draft.number} attempts before anything had run; there is no further try`,
    );
    return { state: 'SYSTEM_ERROR', reason: `no end after ${draft.number} attempts` };
  }
  draft.log('the server ended before anything of this attempt had run: the task is tried again');
  return { state: 'QUEUED', reason: 'the server ended before anything had run' };
}

function lost(course: Course, index: number): Outcome {
  course.draft.log(
    `executor ${index} is on record as started, and nothing is known of it; it is not started again`,
  );
  return { state: 'SYSTEM_ERROR', reason: `executor ${index} was lost` };
}

import type { Handle } from '../backends/backend.ts';
import { isBulkheadError } from '../errors.ts';
import type { Course } from './course.ts';
import { Deadline } from './deadline.ts';
import type { Outcome } from './outcome.ts';

/** Where to begin. */
export interface Beginning {
  readonly index: number;
  /** An earlier process may have started this executor, or, without time to say so, the one after it. */
  readonly isResumed: boolean;
}

/**
 * Runs the executors one after the other and says what they earned. Stops at the first that fails, unless its
 * `ignore_error` is set; after the wall time nothing starts any more, whatever it says. Throws what `start` and
 * `wait` of the backend throw, and `canceled` where the attempt was interrupted.
 */
export async function runExecutors(course: Course, handle: Handle, beginning: Beginning): Promise<Outcome> {
  const { attempt, backend, draft, interrupt } = course;
  const deadline = new Deadline();
  // What the last process started has used up some of its time.
  if (draft.executor(0) !== undefined) armDeadline(course, handle, deadline);
  try {
    let mayBeStarted = beginning.isResumed;
    for (let index = beginning.index; index < attempt.document.executors.length; index += 1) {
      mayBeStarted &&= await wasStarted(course, handle, index);
      if (!mayBeStarted && !(await isStarted(course, handle, index, deadline))) return outOfTime();
      draft.exited(index, await interrupt.unlessWithdrawn(backend.wait(handle, attempt, index)));
      course.tell();
      interrupt.check();
      // Nothing starts after the deadline's kill, so it ends the task also where the error is to be ignored.
      if (deadline.expired && draft.executor(index)?.exitCode !== 0) return outOfTime();
      const failure = failureOf(course, index);
      if (failure !== undefined) return failure;
    }
    return { state: 'COMPLETE' };
  } finally {
    deadline.disarm();
  }
}

/** What an executor's exit makes of its task, where it ends it. */
export function failureOf({ attempt, draft }: Course, index: number): Outcome | undefined {
  const exitCode = draft.executor(index)?.exitCode;
  if (exitCode === undefined || exitCode === 0) return undefined;
  if (attempt.document.executors[index]?.ignore_error === true) return undefined;
  return { state: 'EXECUTOR_ERROR', reason: `executor ${index} ended with ${exitCode}` };
}

function outOfTime(): Outcome {
  return { state: 'EXECUTOR_ERROR', reason: 'the wall time was over' };
}

/** Whether an earlier process has started an executor; if so, the record has its start and its evidence after this. */
export async function wasStarted(
  { backend, draft, interrupt }: Course,
  handle: Handle,
  index: number,
): Promise<boolean> {
  const start = await interrupt.unlessWithdrawn(backend.started(handle, index));
  if (start !== undefined) draft.started(index, start.at, start.evidence);
  return start !== undefined;
}

/** False where the wall time was over before. */
async function isStarted(
  course: Course,
  handle: Handle,
  index: number,
  deadline: Deadline,
): Promise<boolean> {
  const { attempt, backend, dependencies, draft, interrupt, journal } = course;
  interrupt.check();
  if (deadline.expired) return false;
  try {
    await course.confirm();
    const evidence = await backend.start(handle, attempt, index);
    // From now on, as the time that a container takes to be made isn't the task's.
    draft.started(index, dependencies.now(), evidence);
  } catch (error) {
    // The deadline's kill came in between, and is for good.
    if (deadline.expired && isBulkheadError(error) && error.code === 'canceled') return false;
    throw error;
  }
  if (index === 0) armDeadline(course, handle, deadline);
  // Not waited for: a short executor is over before the disk has taken the news.
  void (index === 0 ? journal.transition('RUNNING') : journal.save());
  course.tell();
  return true;
}

function armDeadline(course: Course, handle: Handle, deadline: Deadline): void {
  const { attempt, dependencies, draft, interrupt } = course;
  const limitMs = attempt.sandbox.limits.wallTimeMs;
  if (limitMs === null) return;
  const startedAt = draft.executor(0)?.startedAt ?? dependencies.now();
  deadline.arm(startedAt + limitMs - dependencies.now(), () => {
    draft.log(`the wall time of ${limitMs} ms was over: everything was killed`);
    course.kill(handle, 'wall-time').catch((error: unknown) => {
      if (interrupt.withdrawn.aborted) return;
      dependencies.logger.error(
        { err: error, taskId: attempt.taskId },
        'a task could not be killed at its wall time',
      );
    });
  });
}

import { isBulkheadError } from '../errors.ts';
import type { Handle } from '../backends/backend.ts';
import type { TaskRecord } from '../store/store.ts';
import { outcomeOfError } from './another-attempt.ts';
import { Course } from './course.ts';
import type { Dependencies } from './dependencies.ts';
import { AttemptDraft, errorLine } from './draft.ts';
import { end } from './ending.ts';
import { runExecutors } from './executors.ts';
import { Interrupt } from './interrupt.ts';
import type { AttemptEnd, Outcome } from './outcome.ts';
import { persist } from './persistence.ts';

/** An attempt under way, as the engine sees it. */
export interface RunningAttempt {
  readonly taskId: string;
  /** Never rejects. By then the attempt holds nothing any more, unless it was detached. */
  readonly done: Promise<AttemptEnd>;
  /** The store says CANCELING. */
  cancel(): void;
  /** The process leaves: what runs goes on, and nothing more is written. */
  detach(): void;
  /** For those who follow; undefined until it is claimed. */
  course(): Course | undefined;
}

/**
 * Claims a queued task and takes it all its way: INITIALIZING, prepare, stage in, RUNNING with the first executor,
 * one executor after the other, stage out, and the end that it earned.
 */
export function beginAttempt(dependencies: Dependencies, taskId: string): RunningAttempt {
  return running(
    dependencies,
    taskId,
    async (interrupt) => await claim(dependencies, taskId, interrupt),
    drive,
  );
}

/** An attempt on a course that is set by `open`, with the steps of `steps`; the end is the same for all. */
export function running(
  dependencies: Dependencies,
  taskId: string,
  open: (interrupt: Interrupt) => Promise<Course | undefined>,
  steps: (course: Course) => Promise<Outcome>,
): RunningAttempt {
  const interrupt = new Interrupt();
  let course: Course | undefined;

  /** So that whoever waits for an executor is answered. The end of the attempt kills again, and makes sure. */
  function killAtOnce(): void {
    const handle = course?.draft.handle;
    if (course === undefined || handle === undefined || interrupt.withdrawn.aborted) return;
    course
      .kill(handle, interrupt.cause === 'canceled' ? 'canceled' : 'system-error')
      .catch((error: unknown) => {
        if (interrupt.withdrawn.aborted) return;
        dependencies.logger.warn({ err: error, taskId }, 'an interrupted attempt could not be killed yet');
      });
  }

  async function travel(): Promise<AttemptEnd> {
    try {
      course = await open(interrupt);
      if (course === undefined) return left() ?? 'lost';
      interrupt.signal.addEventListener('abort', killAtOnce, { once: true });
      return await end(course, await outcomeOf(course, steps));
    } catch (error) {
      const leftTo = left();
      if (leftTo !== undefined) return leftTo;
      dependencies.logger.error({ err: error, taskId }, 'an attempt came to no end');
      return 'lost';
    } finally {
      const token = course?.journal.token;
      if (token !== undefined) dependencies.leases.drop(token);
    }
  }

  function left(): AttemptEnd | undefined {
    const { cause } = interrupt;
    return cause === 'detached' || cause === 'fenced' ? cause : undefined;
  }

  return {
    taskId,
    done: travel(),
    cancel: () => interrupt.raise('canceled'),
    detach: () => interrupt.raise('detached'),
    course: () => course,
  };
}

/** QUEUED to INITIALIZING, with a new attempt; undefined where the task is no longer queued. */
async function claim(
  dependencies: Dependencies,
  taskId: string,
  interrupt: Interrupt,
): Promise<Course | undefined> {
  const { logger, now, patience, store } = dependencies;
  const task = await persist(async () => await store.get(taskId, { view: 'FULL' }), {
    patience,
    passes: () => true,
    signal: interrupt.signal,
    onFailure: (error) => logger.warn({ err: error, taskId }, 'a task could not be read; trying again'),
  });
  if (task?.state !== 'QUEUED') return undefined;
  const course = new Course(dependencies, task, 'QUEUED', newDraft(task, now()), interrupt);
  const isClaimed = await course.journal.claim();
  // It may be claimed though the answer was lost, and be CANCELING by now: then its end is this attempt's to tell.
  return isClaimed || interrupt.cause === 'canceled' ? course : undefined;
}

function newDraft(task: TaskRecord, startedAt: number): AttemptDraft {
  const last = task.attempts.at(-1);
  return new AttemptDraft(
    task.sandbox,
    (last?.number ?? 0) + 1,
    startedAt,
    last === undefined ? task.warnings : [],
  );
}

async function drive(course: Course): Promise<Outcome> {
  const { attempt, backend, draft, interrupt, journal } = course;
  interrupt.check();
  const handle = await course.step(
    async () => await backend.prepare(attempt, (message) => report(course, message), interrupt.signal),
  );
  draft.handle = handle;
  // Before anything that a restart would have to find: the next process must know of the handle.
  const isKnown = interrupt.cause === undefined && (await journal.save());
  // Whoever has the task now knows nothing of what was prepared here after it took it over.
  if (!isKnown && interrupt.cause === 'fenced') await backend.release(handle);
  interrupt.check();
  draft.log(...(await course.step(async () => await backend.stageIn(handle, attempt, interrupt.signal))));
  return await stageOut(course, handle, await runExecutors(course, handle, { index: 0, isResumed: false }));
}

/**
 * Collects the outputs, also of executors that failed. An output that can't be delivered makes a task that would be
 * COMPLETE a SYSTEM_ERROR; one whose executor failed stays EXECUTOR_ERROR, which is what its author must look at
 * first. The system logs tell of both.
 */
export async function stageOut(course: Course, handle: Handle, earned: Outcome): Promise<Outcome> {
  const { attempt, backend, draft, interrupt } = course;
  interrupt.check();
  try {
    const result = await course.step(async () => await backend.stageOut(handle, attempt, interrupt.signal));
    draft.collected(result);
    if (result.failures.length === 0 || earned.state !== 'COMPLETE') return earned;
    return { state: 'SYSTEM_ERROR', reason: `${result.failures.length} outputs were not delivered` };
  } catch (error) {
    interrupt.check();
    if (earned.state === 'COMPLETE') throw error;
    log(course, error);
    return earned;
  }
}

async function outcomeOf(course: Course, steps: (course: Course) => Promise<Outcome>): Promise<Outcome> {
  try {
    return await steps(course);
  } catch (error) {
    // An interrupt makes steps fail in ways that say nothing about the task.
    if (course.interrupt.cause === undefined) log(course, error);
    return outcomeOfError(course, error);
  }
}

function log(course: Course, error: unknown): void {
  course.draft.log(errorLine(error));
  if (isBulkheadError(error) && error.code !== 'internal') return;
  course.dependencies.logger.error(
    { err: error, taskId: course.attempt.taskId },
    'an attempt failed unexpectedly',
  );
}

function report(course: Course, message: string): void {
  course.progress.add(message, course.dependencies.now());
  course.tell();
}

import type { Handle } from '../backends/backend.ts';
import type { AttemptRecord, TaskRecord } from '../store/store.ts';
import { running, stageOut } from './attempt.ts';
import type { RunningAttempt } from './attempt.ts';
import { Course } from './course.ts';
import type { Dependencies } from './dependencies.ts';
import { AttemptDraft } from './draft.ts';
import { failureOf, runExecutors, wasStarted } from './executors.ts';
import type { Outcome } from './outcome.ts';

/** How often a task is tried again that an earlier process left before anything of it had run. */
const MAX_ATTEMPTS = 5;

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
  const { draft, interrupt, journal } = course;
  const { handle } = draft;
  interrupt.check();
  if (handle === undefined) return retried(course);
  const last = draft.executors.at(-1);
  if (last?.exitCode !== undefined) {
    const next = { index: last.index + 1, isResumed: true };
    return await stageOut(
      course,
      handle,
      failureOf(course, last.index) ?? (await runExecutors(course, handle, next)),
    );
  }
  const index = last?.index ?? 0;
  if (!(await wasStarted(course, handle, index))) {
    return isInitializing ? retried(course) : lost(course, index);
  }
  // The last word of the earlier process: the executor has started since.
  if (isInitializing) void journal.transition('RUNNING');
  return await stageOut(course, handle, await runExecutors(course, handle, { index, isResumed: true }));
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

import type { Handle } from '../backends/backend.ts';
import type { AttemptRecord, TaskRecord } from '../store/store.ts';
import { BulkheadError } from '../errors.ts';
import { outcomeOfUnstarted } from './another-attempt.ts';
import { running, stageOut } from './attempt.ts';
import type { RunningAttempt } from './attempt.ts';
import { Course } from './course.ts';
import type { Dependencies } from './dependencies.ts';
import { AttemptDraft } from './draft.ts';
import { failureOf, runExecutors, wasStarted } from './executors.ts';
import type { Moment } from './leases.ts';
import type { Outcome } from './outcome.ts';

/** Takes up a task that an earlier process, or another engine, left INITIALIZING, RUNNING or CANCELING. */
export function resumeAttempt(
  dependencies: Dependencies,
  task: TaskRecord,
  lease: { readonly token: number; readonly since: Moment },
): RunningAttempt {
  return running(
    dependencies,
    task.id,
    async (interrupt) => {
      const record = task.attempts.at(-1) ?? unrecorded(task);
      const draft = AttemptDraft.resumed(task.sandbox, record, handleOf(task));
      if (task.state === 'CANCELING') interrupt.raise('canceled');
      dependencies.leases.hold(lease.token, lease.since, interrupt);
      return new Course(dependencies, task, task.state, draft, interrupt, lease.token);
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
  if (handle === undefined) return outcomeOfUnstarted(course);
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
    // For good: where another engine was stopped in the middle of its start, that start fails, or has happened by then.
    if (isInitializing) await course.kill(handle, 'system-error');
    if (isInitializing && !(await wasStarted(course, handle, index))) return outcomeOfUnstarted(course);
    throw new BulkheadError(
      'attempt-lost',
      `executor ${index} is on record as started, and nothing is known of it; it is not started again`,
    );
  }
  // The last word of the earlier process: the executor has started since.
  if (isInitializing) void journal.transition('RUNNING');
  return await stageOut(course, handle, await runExecutors(course, handle, { index, isResumed: true }));
}

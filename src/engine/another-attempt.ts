import { isBulkheadError } from '../errors.ts';
import type { ErrorCode } from '../errors.ts';
import type { Course } from './course.ts';
import { errorLine } from './draft.ts';
import type { Outcome } from './outcome.ts';

/** What ends an attempt and says nothing about its task: the host was restarted, or what does the work on it failed. */
const HOST_FAULTS: readonly ErrorCode[] = ['attempt-lost', 'warden'];

/**
 * How often a task is tried again of which nothing had run, in all: the server ended each time, which is no fault of the
 * task's, or else what the task makes the server do.
 */
const MAX_UNSTARTED = 20;

/** What an error of an attempt makes of its task: another attempt where the host was at fault and the site allows it. */
export function outcomeOfError(course: Course, error: unknown): Outcome {
  const reason = errorLine(error);
  if (!isBulkheadError(error) || !HOST_FAULTS.includes(error.code)) return { state: 'SYSTEM_ERROR', reason };
  const { dependencies, draft, earlier } = course;
  const allowed = dependencies.attempts;
  const count = earlier.filter(({ ranNothing }) => ranNothing !== true).length + 1;
  if (count < allowed) {
    draft.log(
      `the attempt is lost by the host's fault; the task is tried again (attempt ${count} of ${allowed})`,
    );
    return { state: 'QUEUED', reason, rests: true };
  }
  draft.log(
    `the attempt is lost by the host's fault; there is no other: the site allows ${allowed} (limits.attempts)`,
  );
  return { state: 'SYSTEM_ERROR', reason };
}

/** The server ended before anything of the attempt had run: no executor is started twice by another one. */
export function outcomeOfUnstarted({ draft, earlier }: Course): Outcome {
  const count = earlier.filter(({ ranNothing }) => ranNothing === true).length + 1;
  draft.ranNothing = true;
  if (count >= MAX_UNSTARTED) {
    draft.log(
      `the server ended during each of ${count} attempts before anything had run; there is no further try`,
    );
    return { state: 'SYSTEM_ERROR', reason: `no end after ${count} attempts` };
  }
  draft.log('the server ended before anything of this attempt had run: the task is tried again');
  return { state: 'QUEUED', reason: 'the server ended before anything had run' };
}

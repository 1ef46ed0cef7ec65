import type { Course } from './course.ts';
import type { AttemptEnd, Outcome } from './outcome.ts';

/** How often killing is tried before a SYSTEM_ERROR is told; after that it goes on, with the resources held. */
const KILLS_BEFORE_THE_END = 3;

/**
 * Ends an attempt as it earned it, or as the interrupt says. An end that the task earned is told first and its
 * resources are freed after that, which keeps unmounting off the way to COMPLETE; CANCELED, and QUEUED for another
 * try, are told only once everything is gone. Resolves when nothing is held any more.
 */
export async function end(course: Course, outcome: Outcome): Promise<AttemptEnd> {
  let isDead = outcome.state !== 'SYSTEM_ERROR';
  if (course.interrupt.cause === undefined) {
    if (outcome.state === 'QUEUED') return await requeue(course, outcome);
    isDead ||= await killedInTime(course);
    await tell(course, outcome);
  }
  const { cause } = course.interrupt;
  if (cause === 'detached' || cause === 'fenced') return cause;
  if (cause === 'canceled') return await cancel(course);
  await clear(course, { kill: cause === 'lost' || !isDead });
  return cause === 'lost' ? 'lost' : 'ended';
}

async function tell(course: Course, outcome: Outcome): Promise<boolean> {
  course.draft.ended(course.dependencies.now());
  return await course.journal.transition(outcome.state, outcome.reason);
}

async function cancel(course: Course): Promise<AttemptEnd> {
  course.draft.log('canceled');
  await clear(course, { kill: true });
  course.draft.ended(course.dependencies.now());
  return (await course.journal.canceled()) ? 'ended' : 'lost';
}

async function requeue(course: Course, outcome: Outcome): Promise<AttemptEnd> {
  await clear(course, { kill: true });
  if (await tell(course, outcome)) return outcome.rests === true ? 'resting' : 'requeued';
  const { cause } = course.interrupt;
  if (cause === 'detached' || cause === 'fenced') return cause;
  return cause === 'canceled' ? await cancel(course) : 'lost';
}

/** A SYSTEM_ERROR is not told while its executor may still run, unless it can't be killed. */
async function killedInTime(course: Course): Promise<boolean> {
  const { dependencies, draft, attempt } = course;
  if (draft.handle === undefined) return true;
  try {
    await course.kill(draft.handle, 'system-error', KILLS_BEFORE_THE_END);
    return true;
  } catch (error) {
    dependencies.logger.error(
      { err: error, taskId: attempt.taskId },
      'a failed attempt could not be killed yet',
    );
    return false;
  }
}

async function clear(course: Course, { kill }: { kill: boolean }): Promise<void> {
  const { handle } = course.draft;
  if (handle === undefined) return;
  if (kill) await course.kill(handle, course.interrupt.cause === 'canceled' ? 'canceled' : 'system-error');
  await course.release(handle);
}

/** How an attempt's steps ended, before the store has heard of it. */
export interface Outcome {
  /** QUEUED: the task is to be tried again, since nothing of it has run, or the site allows another attempt. */
  readonly state: 'COMPLETE' | 'EXECUTOR_ERROR' | 'SYSTEM_ERROR' | 'QUEUED';
  /** One line for the event. */
  readonly reason?: string;
  /** With QUEUED: not at once. */
  readonly rests?: true;
}

/**
 * `requeued`: the task is QUEUED again; `resting`: so it is, and must wait for a while. `lost`: it wasn't this attempt's, or
 * isn't any more. `fenced`, `detached`: it is left to another engine, or to the next process.
 */
export type AttemptEnd = 'ended' | 'requeued' | 'resting' | 'lost' | 'fenced' | 'detached';

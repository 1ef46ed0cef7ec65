/** How an attempt's steps ended, before the store has heard of it. */
export interface Outcome {
  /** QUEUED: nothing of the task has run, and it is to be tried again. */
  readonly state: 'COMPLETE' | 'EXECUTOR_ERROR' | 'SYSTEM_ERROR' | 'QUEUED';
  /** One line for the event. */
  readonly reason?: string;
}

/** `requeued`: the task is QUEUED again. `lost`: it wasn't this attempt's, or isn't any more. */
export type AttemptEnd = 'ended' | 'requeued' | 'lost' | 'detached';

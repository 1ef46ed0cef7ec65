import type { Capacity } from '../backends/backend.ts';

/** What the HTTP room and the composition root may ask of the engine. */
export interface Engine {
  /** Takes up what an earlier process left, then begins to claim tasks. */
  start(): Promise<void>;
  /** A task was created: look at the queue soon. */
  wake(): void;
  /** A task became CANCELING: end it. Resolves at once; the store says when it is done. */
  cancel(taskId: string): void;
  /** What the backend has for tasks in all; known after `start`. */
  capacity(): Capacity;
  /** The output of a task's executors, live where `follow` is set: ends when the task has ended and all was told. */
  logs(taskId: string, options: { follow: boolean; signal: AbortSignal }): AsyncIterable<LogEvent>;
  /** Claims nothing more; running attempts go on. With `drain`, resolves when none runs. */
  stop(options: { drain: boolean }): Promise<void>;
}

export type LogEvent =
  | { readonly kind: 'state'; readonly state: string; readonly at: number }
  | { readonly kind: 'progress'; readonly message: string; readonly at: number }
  | {
      readonly kind: 'output';
      readonly executor: number;
      readonly stream: 'stdout' | 'stderr';
      readonly data: Uint8Array;
    }
  | { readonly kind: 'exit'; readonly executor: number; readonly exitCode: number; readonly at: number };

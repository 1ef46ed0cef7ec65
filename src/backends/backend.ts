import type { Evidence, Sandbox } from '../sandbox/sandbox.ts';
import type { OutputRecord } from '../store/store.ts';
import type { TesTaskDocument } from '../tes/task.ts';

/**
 * Where attempts run. The engine calls `prepare`, `stageIn`, then `start` and `wait` for each executor in
 * turn, `stageOut`, `release`; `kill` at any time. Each call is safe to repeat after a crash: it finds what was
 * done before. What was lost by the host's fault, as by its restart, throws `attempt-lost`: nothing of that attempt goes on, and
 * another may follow. Implementations run the contract suite in `test/contract/backend.ts`.
 */
export interface Backend {
  readonly kind: string;
  /** What this backend has for tasks in all, not what is free. */
  capacity(): Promise<Capacity>;
  /**
   * Gets images, disk and work folders ready; nothing of the task runs yet. The handle is stored before anything
   * else happens. Where it throws, as it does with `canceled` when the signal aborts, it leaves nothing behind.
   */
  prepare(attempt: Attempt, progress: (message: string) => void, signal: AbortSignal): Promise<Handle>;
  /** Puts every input in place. Returns lines for the system logs: what of the inputs was left out. */
  stageIn(handle: Handle, attempt: Attempt, signal: AbortSignal): Promise<readonly string[]>;
  /** Starts one executor, after reading back what is enforced; throws `evidence` where it differs from the sandbox. */
  start(handle: Handle, attempt: Attempt, index: number): Promise<Evidence>;
  /** What an earlier process may have started: undefined where the executor never was, and may be. */
  started(handle: Handle, index: number): Promise<ExecutorStart | undefined>;
  /**
   * Resolves when the executor and all that it left behind is dead. Throws `not-found` where the executor was
   * never started, any other code where its exit was lost.
   */
  wait(handle: Handle, attempt: Attempt, index: number): Promise<ExecutorExit>;
  /** Collects the outputs; called after the last executor that ran, also when it failed. */
  stageOut(handle: Handle, attempt: Attempt, signal: AbortSignal): Promise<StageOutResult>;
  /** Kills what runs, now, and for good: a later `start` of the same handle throws `canceled`. Resolves when it is dead. Safe to repeat. */
  kill(handle: Handle, reason: KillReason): Promise<void>;
  /** Frees everything but the logs. Safe to repeat. */
  release(handle: Handle): Promise<void>;
  /** After a restart: ends and removes whatever this backend still has that isn't among the handles. */
  sweep(known: readonly Handle[]): Promise<void>;
  /** Bytes of an executor's stdout or stderr from an offset; empty where there is none. */
  readLog(
    handle: Handle,
    index: number,
    stream: 'stdout' | 'stderr',
    offset: number,
    maxBytes: number,
  ): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** JSON, opaque to all but the backend that made it. */
export type Handle = { readonly backend: string } & Readonly<Record<string, unknown>>;

export interface Attempt {
  readonly taskId: string;
  /** From 1. */
  readonly number: number;
  readonly owner: string;
  readonly document: TesTaskDocument;
  readonly sandbox: Sandbox;
}

export interface Capacity {
  readonly cpuCores: number;
  readonly memoryBytes: number;
  readonly diskBytes: number;
  /** How many attempts may run at once. */
  readonly slots: number;
}

export type KillReason = 'canceled' | 'wall-time' | 'system-error';

export interface ExecutorStart {
  readonly at: number;
  readonly evidence: Evidence;
}

export interface ExecutorExit {
  /** As a shell reports it: 127 not found, 126 not executable, 128+n ended by signal n. */
  readonly exitCode: number;
  readonly startedAt: number;
  readonly endedAt: number;
  /** Why it ended, where it isn't the command's own doing: one line each, for the system logs. */
  readonly causes: readonly string[];
  /** The first part of the output as text, at most what the backend was told to keep in the record. */
  readonly stdout: string;
  readonly stderr: string;
}

export interface StageOutResult {
  readonly outputs: readonly OutputRecord[];
  /** For the system logs: skipped, missing and refused files. */
  readonly messages: readonly string[];
  /** Outputs that should have been delivered and weren't; the task is then SYSTEM_ERROR. */
  readonly failures: readonly string[];
}

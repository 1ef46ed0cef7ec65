import type { ExecutorExit, Handle, StageOutResult } from '../backends/backend.ts';
import { isBulkheadError } from '../errors.ts';
import type { Evidence, Sandbox } from '../sandbox/sandbox.ts';
import type { AttemptRecord, ExecutorRecord, OutputRecord } from '../store/store.ts';
import { sandboxMetadata } from './metadata.ts';

/** A task whose outputs all fail must not fill the store with reasons. */
const MAX_SYSTEM_LOGS = 1000;
const MAX_LINE_CHARS = 4096;

/** One attempt's record while it grows. */
export class AttemptDraft {
  readonly number: number;
  readonly startedAt: number;
  handle: Handle | undefined;
  /** It ended with the server, before anything of the task had run. */
  ranNothing = false;
  readonly #sandbox: Sandbox;
  readonly #executors = new Map<number, ExecutorRecord>();
  readonly #evidence = new Map<number, Evidence>();
  #outputs: readonly OutputRecord[] = [];
  #systemLogs: string[] = [];
  #endedAt: number | undefined;

  constructor(sandbox: Sandbox, number: number, startedAt: number, systemLogs: readonly string[]) {
    this.#sandbox = sandbox;
    this.number = number;
    this.startedAt = startedAt;
    this.log(...systemLogs);
  }

  /** As an earlier process left it. */
  static resumed(sandbox: Sandbox, record: AttemptRecord, handle: Handle | undefined): AttemptDraft {
    const draft = new AttemptDraft(sandbox, record.number, record.startedAt, record.systemLogs);
    draft.handle = handle;
    draft.#outputs = record.outputs;
    for (const executor of record.executors) {
      draft.#executors.set(executor.index, executor);
      if (executor.evidence !== undefined) draft.#evidence.set(executor.index, executor.evidence);
    }
    return draft;
  }

  get executors(): readonly ExecutorRecord[] {
    return [...this.#executors.values()];
  }

  executor(index: number): ExecutorRecord | undefined {
    return this.#executors.get(index);
  }

  log(...lines: readonly string[]): void {
    for (const line of lines) {
      if (this.#systemLogs.length === MAX_SYSTEM_LOGS) return;
      const isLast = this.#systemLogs.length === MAX_SYSTEM_LOGS - 1;
      this.#systemLogs.push(isLast ? 'further messages are left out' : line.slice(0, MAX_LINE_CHARS));
    }
  }

  started(index: number, startedAt: number, evidence?: Evidence): void {
    this.#executors.set(index, { index, startedAt, ...(evidence === undefined ? {} : { evidence }) });
    if (evidence !== undefined) this.#evidence.set(index, evidence);
  }

  exited(index: number, exit: ExecutorExit): void {
    const { startedAt, endedAt, exitCode, stdout, stderr } = exit;
    this.#executors.set(index, {
      ...this.#executors.get(index),
      index,
      startedAt,
      endedAt,
      exitCode,
      stdout,
      stderr,
    });
    this.log(...exit.causes.map((cause) => `executor ${index}: ${cause}`));
  }

  collected(result: StageOutResult): void {
    this.#outputs = result.outputs;
    this.log(...result.messages, ...result.failures);
  }

  ended(at: number): void {
    this.#endedAt = at;
  }

  record(): AttemptRecord {
    return {
      number: this.number,
      startedAt: this.startedAt,
      ...(this.#endedAt === undefined ? {} : { endedAt: this.#endedAt }),
      executors: this.executors,
      outputs: this.#outputs,
      systemLogs: [...this.#systemLogs],
      metadata: sandboxMetadata(this.#sandbox, this.#evidence),
      ...(this.handle === undefined ? {} : { handle: this.handle }),
      ...(this.ranNothing ? { ranNothing: true as const } : {}),
    };
  }
}

/** For a task's system logs: code and message, never a stack, and nothing of an error that we didn't write ourselves. */
export function errorLine(error: unknown): string {
  if (isBulkheadError(error)) return `${error.code}: ${error.message}`;
  return 'internal: the server failed in a way that it did not expect; its log has the details under this task’s id';
}

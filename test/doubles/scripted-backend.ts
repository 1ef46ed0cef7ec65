/**
 * A backend whose programs and failures a test scripts. It keeps the promises of the port (its contract suite runs on
 * it), writes down each call, and notices what an engine must never do.
 */
import { BulkheadError } from '../../src/errors.ts';
import type {
  Attempt,
  Backend,
  Capacity,
  ExecutorExit,
  ExecutorStart,
  Handle,
  KillReason,
  StageOutResult,
} from '../../src/backends/backend.ts';
import type { Evidence } from '../../src/sandbox/sandbox.ts';
import { ScriptedMachine } from './scripted-machine.ts';
import type { Place } from './scripted-machine.ts';

export type Method =
  | 'capacity'
  | 'prepare'
  | 'stageIn'
  | 'start'
  | 'started'
  | 'wait'
  | 'stageOut'
  | 'kill'
  | 'release'
  | 'sweep'
  | 'readLog';

export interface Call {
  readonly method: Method;
  /** Empty for calls that are about no attempt. */
  readonly taskId: string;
  readonly index?: number;
  readonly reason?: KillReason;
}

export interface Script {
  /** Before a call has an effect: may wait, or throw in its stead. */
  before?: (call: Call, signal?: AbortSignal) => Promise<void> | void;
  /** After it had its effect and before it answers: may wait, or lose the answer by throwing. */
  after?: (call: Call) => Promise<void> | void;
  stageOut?: (attempt: Attempt) => StageOutResult;
  capacity?: Capacity;
  /** Told while an attempt is prepared. */
  progress?: readonly string[];
}

const CAPACITY: Capacity = { cpuCores: 4, memoryBytes: 2 ** 33, diskBytes: 2 ** 40, slots: 4 };

export class ScriptedBackend implements Backend {
  readonly kind = 'scripted';
  readonly calls: Call[] = [];
  readonly machine: ScriptedMachine;
  readonly script: Script;

  constructor(machine: ScriptedMachine = new ScriptedMachine(), script: Script = {}) {
    this.machine = machine;
    this.script = script;
  }

  async capacity(): Promise<Capacity> {
    return await this.#call({ method: 'capacity', taskId: '' }, () => this.script.capacity ?? CAPACITY);
  }

  async prepare(attempt: Attempt, progress: (message: string) => void, signal: AbortSignal): Promise<Handle> {
    const { taskId, number } = attempt;
    for (const message of this.script.progress ?? []) progress(message);
    return await this.#call(
      { method: 'prepare', taskId },
      () => {
        refuseIfAborted(signal);
        this.machine.open(taskId, number);
        return { backend: this.kind, taskId, number };
      },
      signal,
    );
  }

  async stageIn(handle: Handle, attempt: Attempt, signal: AbortSignal): Promise<readonly string[]> {
    return await this.#call(
      { method: 'stageIn', taskId: attempt.taskId },
      () => {
        refuseIfAborted(signal);
        this.#place(handle);
        return [];
      },
      signal,
    );
  }

  async start(handle: Handle, attempt: Attempt, index: number): Promise<Evidence> {
    return await this.#call({ method: 'start', taskId: attempt.taskId, index }, () => {
      const command = attempt.document.executors[index]?.command ?? [];
      return this.machine.start(this.#place(handle), index, command);
    });
  }

  async started(handle: Handle, index: number): Promise<ExecutorStart | undefined> {
    return await this.#call({ method: 'started', taskId: taskIdOf(handle), index }, () =>
      this.machine.started(this.#place(handle), index),
    );
  }

  async wait(handle: Handle, attempt: Attempt, index: number): Promise<ExecutorExit> {
    return await this.#call(
      { method: 'wait', taskId: attempt.taskId, index },
      async () => await this.machine.exit(this.#place(handle), index),
    );
  }

  async stageOut(handle: Handle, attempt: Attempt, signal: AbortSignal): Promise<StageOutResult> {
    return await this.#call(
      { method: 'stageOut', taskId: attempt.taskId },
      () => {
        refuseIfAborted(signal);
        this.machine.mustBeIdle(this.#place(handle), 'stageOut');
        return this.script.stageOut?.(attempt) ?? { outputs: [], messages: [], failures: [] };
      },
      signal,
    );
  }

  async kill(handle: Handle, reason: KillReason): Promise<void> {
    await this.#call({ method: 'kill', taskId: taskIdOf(handle), reason }, () => {
      const place = this.machine.find(handle);
      if (place !== undefined) this.machine.kill(place, reason);
    });
  }

  async release(handle: Handle): Promise<void> {
    await this.#call({ method: 'release', taskId: taskIdOf(handle) }, () => {
      const place = this.machine.find(handle);
      if (place !== undefined) this.machine.release(place);
    });
  }

  async sweep(known: readonly Handle[]): Promise<void> {
    await this.#call({ method: 'sweep', taskId: '' }, () => this.machine.sweep(known));
  }

  async readLog(
    handle: Handle,
    index: number,
    stream: 'stdout' | 'stderr',
    offset: number,
    maxBytes: number,
  ): Promise<Uint8Array> {
    return await this.#call({ method: 'readLog', taskId: taskIdOf(handle), index }, () => {
      const written = this.machine.find(handle)?.executors.get(index)?.[stream] ?? '';
      return Buffer.from(written).subarray(offset, offset + maxBytes);
    });
  }

  async close(): Promise<void> {
    // What runs on the machine goes on.
  }

  /** How often a method was called for a task. */
  count(method: Method, taskId: string): number {
    return this.calls.filter((call) => call.method === method && call.taskId === taskId).length;
  }

  #place(handle: Handle): Place {
    const place = this.machine.find(handle);
    if (place === undefined || place.isReleased)
      throw new BulkheadError('runtime', 'the attempt is not on this machine');
    return place;
  }

  async #call<T>(call: Call, effect: () => T | Promise<T>, signal?: AbortSignal): Promise<T> {
    this.calls.push(call);
    await this.script.before?.(call, signal);
    const result = await effect();
    await this.script.after?.(call);
    return result;
  }
}

function refuseIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw new BulkheadError('canceled', 'aborted');
}

function taskIdOf(handle: Handle): string {
  return String(handle['taskId']);
}

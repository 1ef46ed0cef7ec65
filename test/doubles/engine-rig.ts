/** An engine on doubles, with what its tests do again and again. */
import { randomUUID } from 'node:crypto';
import type { Engine } from '../../src/engine/engine.ts';
import type { Starts } from '../../src/engine/operation.ts';
import { createEngine } from '../../src/engine/service.ts';
import type { EngineOptions } from '../../src/engine/service.ts';
import type { Limits } from '../../src/sandbox/sandbox.ts';
import type { NewTask, Store, TaskRecord } from '../../src/store/store.ts';
import { isTerminal } from '../../src/tes/states.ts';
import type { TesState } from '../../src/tes/states.ts';
import type { TesExecutor } from '../../src/tes/task.ts';
import { SANDBOX } from '../contract/backend-samples.ts';
import { until } from '../poll.ts';
import { openMemoryStore } from './memory-store.ts';
import { ScriptedBackend } from './scripted-backend.ts';
import type { Script } from './scripted-backend.ts';
import { ScriptedMachine } from './scripted-machine.ts';

export const EXIT = {
  zero: ['true'],
  three: ['exit', '3'],
  hang: ['hang'],
  speak: ['speak'],
} as const;

export interface Rig {
  readonly store: Store;
  readonly machine: ScriptedMachine;
  readonly backend: ScriptedBackend;
  readonly engine: Engine & Starts;
  /** Fields and messages of what was logged at level error. */
  readonly errors: object[];
  /** Creates a task as the HTTP room does. */
  submit(commands: readonly (readonly string[])[], change?: TaskChange): Promise<string>;
  /** Cancels as the HTTP room does. */
  cancel(id: string): Promise<void>;
  task(id: string): Promise<TaskRecord>;
  /** The record once the task has ended and nothing is held for it. */
  ended(id: string): Promise<TaskRecord>;
  inState(id: string, state: TesState): Promise<void>;
  states(id: string): Promise<TesState[]>;
}

export interface TaskChange {
  readonly limits?: Partial<Limits>;
  readonly executor?: Partial<TesExecutor>;
  readonly warnings?: readonly string[];
  readonly createdAt?: number;
}

export function newMachine(): ScriptedMachine {
  return new ScriptedMachine([
    [EXIT.zero, { exitCode: 0 }],
    [EXIT.three, { exitCode: 3 }],
    [EXIT.hang, {}],
    [EXIT.speak, { exitCode: 0, stdout: 'out', stderr: 'err' }],
  ]);
}

export interface RigOptions {
  readonly script?: Script;
  readonly store?: Store;
  readonly machine?: ScriptedMachine;
  readonly engine?: Partial<EngineOptions>;
}

/** An engine that isn't started. */
export function openRig(options: RigOptions = {}): Rig {
  const { store = openMemoryStore(), machine = newMachine() } = options;
  const backend = new ScriptedBackend(machine, options.script);
  const errors: object[] = [];
  const engine = createEngine({
    store,
    backend,
    now: Date.now,
    logger: {
      info: () => undefined,
      warn: () => undefined,
      error: (fields, message) => void errors.push({ ...fields, message }),
    },
    limits: { retentionMs: null },
    patience: { firstMs: 1, maxMs: 10 },
    ...options.engine,
  });

  async function task(id: string): Promise<TaskRecord> {
    const record = await store.get(id, { view: 'FULL' });
    if (record === undefined) throw new Error(`there is no task ${id}`);
    return record;
  }

  return {
    store,
    machine,
    backend,
    engine,
    errors,
    task,
    submit: async (commands, change = {}) => {
      const created = newTask(commands, change);
      await store.create(created);
      engine.wake();
      return created.id;
    },
    cancel: async (id) => {
      await store.cancel(id, { at: Date.now() });
      engine.cancel(id);
    },
    ended: async (id) => {
      await until(
        async () => isTerminal((await task(id)).state) && !machine.held.some((key) => key.startsWith(id)),
        { what: `the end of ${id}` },
      );
      return await task(id);
    },
    inState: async (id, state) =>
      await until(async () => (await task(id)).state === state, { what: `${id} to be ${state}` }),
    states: async (id) => (await store.events(id)).map(({ to }) => to),
  };
}

export function newTask(commands: readonly (readonly string[])[], change: TaskChange = {}): NewTask {
  const { createdAt = Date.now(), executor = {}, limits = {}, warnings = [] } = change;
  return {
    id: randomUUID(),
    owner: 'ann',
    createdAt,
    document: {
      executors: commands.map((command) => ({ image: 'busybox', command: [...command], ...executor })),
    },
    sandbox: { ...SANDBOX, limits: { ...SANDBOX.limits, ...limits } },
    warnings,
  };
}

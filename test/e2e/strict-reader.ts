import { expect } from 'vitest';
import type { TesTask } from '../../src/tes/task.ts';

/** Every field of TES 1.1.0, by the object that has it. Source: task-execution-schemas 1.1.0, `components.schemas`. */
const FIELDS = {
  task: [
    'id',
    'state',
    'name',
    'description',
    'inputs',
    'outputs',
    'resources',
    'executors',
    'volumes',
    'tags',
    'logs',
    'creation_time',
  ],
  input: ['name', 'description', 'url', 'path', 'type', 'content', 'streamable'],
  output: ['name', 'description', 'url', 'path', 'path_prefix', 'type'],
  resources: [
    'cpu_cores',
    'preemptible',
    'ram_gb',
    'disk_gb',
    'zones',
    'backend_parameters',
    'backend_parameters_strict',
  ],
  executor: ['image', 'command', 'workdir', 'stdin', 'stdout', 'stderr', 'env', 'ignore_error'],
  taskLog: ['logs', 'metadata', 'start_time', 'end_time', 'outputs', 'system_logs'],
  executorLog: ['start_time', 'end_time', 'stdout', 'stderr', 'exit_code'],
  outputLog: ['url', 'path', 'size_bytes'],
} as const;

const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

/**
 * Reads a task of the view FULL as the strict clients do (crankshaft, the funnel command line, py-tes): a field that
 * TES doesn't name, one that is missing, or one of another type, is the end.
 */
export function expectStrictTask(task: TesTask): void {
  only('task', task);
  expect(task.creation_time).toMatch(RFC_3339);
  for (const input of task.inputs ?? []) {
    only('input', input);
    expect(['FILE', 'DIRECTORY']).toContain(input.type);
  }
  for (const output of task.outputs ?? []) {
    only('output', output);
    expect(['FILE', 'DIRECTORY']).toContain(output.type);
  }
  if (task.resources !== undefined) only('resources', task.resources);
  for (const executor of task.executors) only('executor', executor);
  expect(task.logs?.length).toBeGreaterThan(0);
  for (const log of task.logs ?? []) {
    only('taskLog', log);
    for (const time of [log.start_time, log.end_time]) expect(time).toMatch(RFC_3339);
    expect(Object.values(log.metadata ?? {}).every((value) => typeof value === 'string')).toBe(true);
    for (const executor of log.logs) {
      only('executorLog', executor);
      expect(Number.isInteger(executor.exit_code)).toBe(true);
      for (const time of [executor.start_time, executor.end_time]) expect(time).toMatch(RFC_3339);
    }
    for (const output of log.outputs) {
      only('outputLog', output);
      expect(output.size_bytes).toMatch(/^\d+$/);
    }
  }
}

function only(kind: keyof typeof FIELDS, object: object): void {
  const known: readonly string[] = FIELDS[kind];
  expect({ kind, unknown: Object.keys(object).filter((key) => !known.includes(key)) }).toEqual({
    kind,
    unknown: [],
  });
}

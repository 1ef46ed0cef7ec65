import { BulkheadError } from '../errors.ts';
import type { ExecutorException, Limits, Sandbox } from '../sandbox/sandbox.ts';
import { decidingRule } from './decision.ts';
import type { Decision } from './decision.ts';
import { EXECUTOR_FIELDS, SCALES, TASK_FIELDS } from './fields.ts';
import type { Field, Values } from './fields.ts';
import type { ExecutorResolution } from './resolve-executor.ts';
import type { TaskResolution } from './resolve-task.ts';
import type { SitePolicy } from './site.ts';

/** Puts together what was decided for the task and for each executor: the first is the rule, what differs an exception. */
export function assembled(
  site: SitePolicy,
  task: TaskResolution,
  executors: readonly ExecutorResolution[],
): Sandbox {
  const [first] = executors;
  if (first === undefined) throw new BulkheadError('internal', 'a task without an executor has no sandbox');
  const exceptions = executors.flatMap((executor, index): ExecutorException[] =>
    isSame(executor, first) ? [] : [{ ...executor.sandbox, index, pids: executor.pids }],
  );
  const rules = decidingRules(task, executors);
  return {
    ...first.sandbox,
    limits: limitsOf(site, task, first.pids),
    ...(exceptions.length === 0 ? {} : { executors: exceptions }),
    ...(rules.length === 0 ? {} : { rules }),
  };
}

function isSame(one: ExecutorResolution, other: ExecutorResolution): boolean {
  return (
    one === other || JSON.stringify([one.sandbox, one.pids]) === JSON.stringify([other.sandbox, other.pids])
  );
}

function limitsOf(
  { defaults }: SitePolicy,
  { decisions, memoryBytes, diskBytes }: TaskResolution,
  pids: number,
): Limits {
  return {
    cpuCores: decisions.cpu_cores.value,
    memoryBytes,
    diskBytes,
    diskInodes: defaults.disk_inodes ?? inodesFor(diskBytes),
    pids,
    openFiles: defaults.open_files,
    logBytes: defaults.log_bytes,
    wallTimeMs: decisions.timeout.value,
    queueTimeMs: defaults.queue_time,
  };
}

/** As `mke2fs` by its default of one inode for 16 KiB, but enough for a small disk full of small files. */
function inodesFor(diskBytes: number): number {
  return Math.max(16_384, Math.ceil(diskBytes / 16_384));
}

function decidingRules(task: TaskResolution, executors: readonly ExecutorResolution[]): string[] {
  const ids = [
    ...TASK_FIELDS.map((field) => ruleOf(field, task.decisions[field])),
    ...executors.flatMap(({ decisions }) => EXECUTOR_FIELDS.map((field) => ruleOf(field, decisions[field]))),
  ];
  return [...new Set(ids.filter((id) => id !== undefined))].toSorted();
}

function ruleOf<F extends Field>(field: F, decision: Decision<Values[F]>): string | undefined {
  return decidingRule(SCALES[field], decision);
}

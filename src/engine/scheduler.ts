import type { Capacity } from '../backends/backend.ts';
import type { Limits } from '../sandbox/sandbox.ts';
import type { QueuedTask } from '../store/store.ts';

/**
 * How many tasks may pass one that waits at the head of the queue for room. Enough to keep a machine busy while a
 * large task waits, and a bound on how long it waits: after so many, nothing starts before it does.
 */
export const MAX_PASSES = 32;

/** Who waits at the head, and how many have passed it. */
export interface Line {
  readonly headId: string | null;
  readonly passes: number;
}

export const EMPTY_LINE: Line = { headId: null, passes: 0 };

export interface Choice {
  readonly start: readonly QueuedTask[];
  /** Larger than the whole machine: they could never start, and would hold the line for ever. */
  readonly impossible: readonly QueuedTask[];
  readonly line: Line;
}

/**
 * First in, first out; where the head of the queue doesn't fit into what is free, later tasks that do fit may pass
 * it, `MAX_PASSES` in all. Then room is kept: what runs ends, nothing else starts, and the head, which is never
 * larger than the machine, fits at the latest when the machine is empty. So, as long as running tasks end, every
 * task starts: each head after a bounded number of others, and before each task stands a finite number.
 */
export function choose(
  queue: readonly QueuedTask[],
  total: Capacity,
  running: Iterable<Limits>,
  line: Line,
): Choice {
  const start: QueuedTask[] = [];
  const impossible: QueuedTask[] = [];
  let free = left(total, running);
  let waiting: Line | undefined;

  for (const task of queue) {
    const { limits } = task.sandbox;
    if (!fits(limits, total)) {
      impossible.push(task);
      continue;
    }
    if (free.slots <= 0) break;
    if (!fits(limits, free)) {
      waiting ??= { headId: task.id, passes: line.headId === task.id ? line.passes : 0 };
      continue;
    }
    if (waiting !== undefined) {
      if (waiting.passes >= MAX_PASSES) break;
      waiting = { ...waiting, passes: waiting.passes + 1 };
    }
    start.push(task);
    free = left(free, [limits]);
  }
  return { start, impossible, line: waiting ?? keptFor(line, queue) };
}

/** With no slot free nobody was looked at, and nobody has passed: whoever waits at the head keeps its place. */
function keptFor(line: Line, queue: readonly QueuedTask[]): Line {
  return queue[0]?.id === line.headId ? line : EMPTY_LINE;
}

function left(from: Capacity, taken: Iterable<Limits>): Capacity {
  let { cpuCores, memoryBytes, diskBytes, slots } = from;
  for (const limits of taken) {
    cpuCores -= limits.cpuCores;
    memoryBytes -= limits.memoryBytes;
    diskBytes -= limits.diskBytes;
    slots -= 1;
  }
  return { cpuCores, memoryBytes, diskBytes, slots };
}

/** Fractions of cores don't add up exactly: ten tenths must fit into one. */
const ROUNDING_CORES = 1e-6;

function fits(limits: Limits, free: Capacity): boolean {
  return (
    limits.cpuCores <= free.cpuCores + ROUNDING_CORES &&
    limits.memoryBytes <= free.memoryBytes &&
    limits.diskBytes <= free.diskBytes
  );
}

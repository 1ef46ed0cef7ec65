import { setTimeout as delay } from 'node:timers/promises';
import { isTerminal } from '../../src/tes/states.ts';
import type { TesTask } from '../../src/tes/task.ts';
import type { Client } from '../../src/cli/client.ts';
import type { Terminal } from './terminal.ts';

const POLL_MS = 100;

/** Shows a task's way to its end, and answers the task as it then is. */
export async function follow(
  client: Client,
  id: string,
  steps: readonly string[],
  terminal: Terminal,
  signal: AbortSignal,
): Promise<TesTask> {
  const started = Date.now();
  for (;;) {
    const task = await client.get(id, 'FULL');
    if (isTerminal(task.state)) {
      terminal.line(`${task.state} after ${duration(Date.now() - started)}`);
      return task;
    }
    terminal.live(describe(task, steps), duration(Date.now() - started));
    await delay(POLL_MS, undefined, { signal });
  }
}

function describe(task: TesTask, steps: readonly string[]): string {
  const done = (task.logs?.at(-1)?.logs ?? []).filter((log) => log.end_time !== undefined).length;
  const bar = `${'█'.repeat(done)}${'░'.repeat(Math.max(0, steps.length - done))}`;
  const doing =
    task.state === 'RUNNING' ? (steps[done] ?? 'collect the outputs') : 'prepare image, disk and inputs';
  return `${bar} ${task.state.padEnd(12)} ${doing}`;
}

export function duration(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/**
 * How often each container was started, told by the kernel: before the init of a container executes its command, it asks us.
 * No sandbox can hide a start or add one.
 */
export interface StartCounter {
  /** By container: `TASK-ATTEMPT-EXECUTOR`. */
  readonly starts: ReadonlyMap<string, number>;
  close(): Promise<void>;
}

/** `init`: the program that is the first process of each container. Needs root. */
export async function countStarts(init: string, instance: string): Promise<StartCounter> {
  const program = fileURLToPath(new URL('start-counter.pl', import.meta.url));
  const child = spawn('/usr/bin/perl', [program, init], { stdio: ['pipe', 'pipe', 'inherit'] });
  const starts = new Map<string, number>();
  const lines = createInterface({ input: child.stdout });
  const isReady = Promise.race([once(lines, 'line'), once(child, 'exit')]);
  lines.on('line', (line) => {
    const container = new RegExp(`bulkhead-(?:tasks-)?${instance}[^ /]*/([^ /]+)(?: |$)`).exec(line)?.[1];
    if (container !== undefined) starts.set(container, (starts.get(container) ?? 0) + 1);
  });
  await isReady;
  if (child.exitCode !== null) throw new Error('starts can not be counted on this host');
  return {
    starts,
    async close() {
      const exit = once(child, 'exit');
      child.stdin.end();
      await exit;
    },
  };
}

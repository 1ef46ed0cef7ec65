import { setTimeout as sleep } from 'node:timers/promises';

/** Polls until the condition holds; throws, naming what was waited for, after the time. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  { timeoutMs = 10_000, what }: { timeoutMs?: number; what: string },
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`waited ${timeoutMs} ms for ${what}`);
    await sleep(5);
  }
}

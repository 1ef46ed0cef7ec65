import { setTimeout as sleep } from 'node:timers/promises';

/** How many times slower than usual this machine is: a virtual one without KVM, some 20 times. */
export const SLOWNESS = Number(process.env['TEST_SLOWNESS'] ?? 1);

/** Polls until the condition holds; throws, naming what was waited for, after the time. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  { timeoutMs = 10_000, what }: { timeoutMs?: number; what: string },
): Promise<void> {
  const patienceMs = timeoutMs * SLOWNESS;
  const deadline = performance.now() + patienceMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`waited ${patienceMs} ms for ${what}`);
    await sleep(5);
  }
}

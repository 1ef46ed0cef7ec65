import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Phase } from './plan.ts';
import { descendantsOf, isAlive, text } from './processes.ts';
import type { Stage } from './stage.ts';
import { containersOf, isTree, names } from './victims.ts';

const LOOK_EVERY_MS = 2;
export const ENDS: readonly string[] = ['COMPLETE', 'EXECUTOR_ERROR', 'SYSTEM_ERROR', 'CANCELED'];

/** Waits until a task is in the phase, by what is seen of it on the host. False where it never is, as when it was too quick. */
export async function sighted(
  stage: Stage,
  phase: Exclude<Phase, 'create' | 'cancel'>,
  taskId: string,
  timeoutMs = 15_000,
): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  const look = LOOKS[phase];
  let end = 0;
  while (performance.now() < deadline) {
    if (await look(stage, taskId)) return true;
    // A task that has ended comes into no phase any more; asked seldom, as asking takes time.
    if (performance.now() > end) {
      if (phase !== 'clean up' && (await hasEnded(stage, taskId))) return false;
      end = performance.now() + 250;
    }
    await sleep(LOOK_EVERY_MS);
  }
  return false;
}

type Look = (stage: Stage, taskId: string) => boolean | Promise<boolean>;

const LOOKS: Readonly<Record<Exclude<Phase, 'create' | 'cancel'>, Look>> = {
  resolve: (stage) => runs(stage, (words) => words[0] === 'skopeo' && words.includes('inspect')),
  pull: (stage) => runs(stage, (words) => words[0] === 'skopeo' && words.includes('copy')),
  unpack: (stage) => runs(stage, ([program]) => program === 'umoci'),
  'stage in': (stage) => runs(stage, (words) => isTree(words, ['write'])),
  // The runtime knows a container that the kernel hasn't been asked to start.
  start: (stage, taskId) =>
    containersOf(stage, taskId).some((container) => !stage.counter.starts.has(container)),
  run: ({ counter }, taskId) =>
    [...counter.starts.keys()].some((container) => container.startsWith(`${taskId}-`)),
  // Its first process has gone, or conmon has said so already.
  exit: (stage, taskId) =>
    names(stage.run.exits).some((name) => name.startsWith(`${taskId}-`) && !name.endsWith('.done')) ||
    containersOf(stage, taskId).some(
      (container) => stage.counter.starts.has(container) && !lives(stage, container),
    ),
  'stage out': (stage) => runs(stage, (words) => isTree(words, ['read', 'copy'])),
  'clean up': hasEnded,
};

function runs({ server }: Stage, test: (words: readonly string[]) => boolean): boolean {
  return descendantsOf(server.pid).some(({ words }) => test(words));
}

function lives({ run }: Stage, container: string): boolean {
  const pid = Number(/"init_process_pid":(\d+)/.exec(text(join(run.runtime, container, 'state.json')))?.[1]);
  return !(pid > 1) || isAlive(pid);
}

async function hasEnded({ server }: Stage, taskId: string): Promise<boolean> {
  const { state } = await server.get(taskId).catch(() => ({ state: 'UNKNOWN' }));
  return ENDS.includes(state);
}

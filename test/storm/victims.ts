import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Victim } from './plan.ts';
import { childrenOf, commandOf, descendantsOf, text } from './processes.ts';
import type { Stage } from './stage.ts';

/** What the server itself is made of: whichever of these is killed, no task may notice. */
export const OF_THE_SERVER: readonly Victim[] = ['warden', 'server', 'hand'];

/** The process to kill, or undefined where there is none at this moment. `taskId`: whose, where it is one task's. */
export function findVictim(stage: Stage, victim: Victim, taskId: string): number | undefined {
  const warden = stage.server.pid;
  const among = (test: (words: readonly string[]) => boolean): number | undefined =>
    descendantsOf(warden).find(({ words }) => test(words))?.pid;
  const child = (program: string): number | undefined =>
    childrenOf(warden).find((pid) => commandOf(pid).some((word) => word.endsWith(program)));
  const find: Readonly<Record<Victim, () => number | undefined>> = {
    warden: () => warden,
    server: () => child('/server.ts'),
    hand: () => child('/hand.pl'),
    skopeo: () => among(([program]) => program === 'skopeo'),
    umoci: () => among(([program]) => program === 'umoci'),
    tree: () => among((words) => isTree(words)),
    runtime: () =>
      among(
        ([program = '', ...words]) =>
          /\/(?:runc|crun)$/.test(program) && words.some((word) => word.startsWith(taskId)),
      ),
    conmon: () => ofContainer(stage, 'conmon', taskId),
    drain: () => ofContainer(stage, 'drain', taskId),
    init: () => ofContainer(stage, 'init', taskId),
  };
  return find[victim]();
}

export function isTree(
  words: readonly string[],
  modes: readonly string[] = ['read', 'write', 'copy'],
): boolean {
  return words[1]?.endsWith('/tree.pl') === true && modes.includes(words[2] ?? '');
}

/** By what it left in a file about itself. Ids are used again: the command line must be the right one too. */
function ofContainer(stage: Stage, victim: 'conmon' | 'drain' | 'init', taskId: string): number | undefined {
  const { run, server } = stage;
  for (const container of containersOf(stage, taskId).toReversed()) {
    const [, attempt = '', index = ''] = /^(.*)-(\d+)$/.exec(container) ?? [];
    const [pid, word] = {
      conmon: [
        Number(text(join(server.folder, 'data/work/containers', attempt, index, 'conmon.pid'))),
        container,
      ] as const,
      drain: [Number(text(join(run.exits, `${container}.done`)).split(' ')[0]), 'hand.pl'] as const,
      init: [initOf(join(run.runtime, container)), ''] as const,
    }[victim];
    if (pid > 1 && commandOf(pid).some((one) => one.endsWith(word))) return pid;
  }
  return undefined;
}

/** By what runc, or crun, wrote about it. */
function initOf(folder: string): number {
  const state = text(join(folder, 'state.json')) + text(join(folder, 'status'));
  return Number(/"(?:init_process_)?pid":\s*(\d+)/.exec(state)?.[1] ?? 0);
}

/** Of a task, as the runtime knows them now. */
export function containersOf({ run }: Stage, taskId: string): string[] {
  return names(run.runtime)
    .filter((name) => name.startsWith(`${taskId}-`))
    .toSorted();
}

export function names(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    // Not there before the first start, and after the last end.
    return [];
  }
}

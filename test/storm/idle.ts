import { cgroupFolders, cgroupVersion } from '../../src/warden/cgroups.ts';
import { until } from '../poll.ts';
import { type Baseline, baselineOf, compare } from './baseline.ts';
import { SHAPES } from './shapes.ts';
import type { Stage } from './stage.ts';
import { makeTask } from './tasks.ts';
import { names } from './victims.ts';

/** After another start and one task of each shape, one after the other: the same whenever nothing has leaked. */
export async function idleBaseline(stage: Stage): Promise<Baseline> {
  await stage.server.leave('SIGTERM');
  await stage.server.serveAgain();
  for (const shape of SHAPES) {
    const task = await makeTask(stage, `idle-${shape}`, shape);
    await stage.server.run(task.document);
    await quiet(stage);
  }
  return await baselineOf(stage);
}

/** Nothing of any task is left: what is freed after a task's end is freed. */
async function quiet({ run }: Stage): Promise<void> {
  const cgroups = cgroupFolders(cgroupVersion(), `/bulkhead-${run.instance}`);
  const folders = [run.runtime, run.exits, ...cgroups];
  await until(
    () => !folders.some((folder) => names(folder).some((name) => /-\d+-\d+(\.done)?$/.test(name))),
    {
      timeoutMs: 30_000,
      what: 'the server to be idle',
    },
  );
}

/** Looked at as the storm left it, then as another idle server is. */
export async function leaks(stage: Stage, before: Baseline): Promise<string[]> {
  // Ready-made disks and images as slots see them are kept for the next tasks: how many depends on those before.
  const left = await settled(stage, (now) => [
    ...compare(before, now, ['containers', 'cgroups', 'namespaces', 'processes']),
    ...now.mounts.filter((path) => path.includes('/roots/')).map((path) => `mounts: +1 ${path}`),
  ]);
  await idleBaseline(stage);
  const later = await settled(stage, (now) => compare(before, now));
  return [...left.map((line) => `left after the storm: ${line}`), ...later.map((line) => `leaked: ${line}`)];
}

/** What was freed last, such as a connection that is kept for a while, goes in its own time. */
async function settled(stage: Stage, look: (now: Baseline) => string[]): Promise<string[]> {
  let found: string[] = [];
  await until(async () => (found = look(await baselineOf(stage))).length === 0, {
    timeoutMs: 20_000,
    what: 'the host to be as before',
  }).catch(() => {});
  return found;
}

import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { cgroupFolders, cgroupVersion } from './cgroups.ts';
import { cgroupParent } from './delegation.ts';
import { runFolders, type RunFolders } from './run-folders.ts';
import { ownLoopDevices, ownMounts } from './traces.ts';

/** Something of an instance that stands on the host. */
export interface Trace {
  readonly kind: 'container' | 'cgroup' | 'mount' | 'loop device' | 'disk';
  /** A path, or a container's name. */
  readonly name: string;
  /** Whose it is, by the names that attempts give. */
  readonly container?: string;
  readonly slot?: number;
  readonly bytes?: number;
}

/** All that stands on the host of an instance, whoever has it. Only looks. Throws what the host's files throw, but for what isn't there. */
export async function surveyHost(place: {
  readonly dataFolder: string;
  readonly runFolder: string;
  readonly diskFolder: string;
}): Promise<readonly Trace[]> {
  const run = runFolders(place.runFolder, place.dataFolder);
  const [containers, cgroups, mounts, loops, disks] = await Promise.all([
    containersOf(run),
    taskCgroups(cgroupParent(run.instance)),
    ownMounts(run.root),
    ownLoopDevices(place.diskFolder),
    names(place.diskFolder),
  ]);
  return [
    ...containers.map((name): Trace => ({ kind: 'container', name, container: name })),
    ...cgroups,
    // Images as the slots see them are no attempt's: they are kept for the next one.
    ...mounts
      .filter(({ target }) => !target.startsWith(`${run.lowers}/`))
      .map(({ target }): Trace => ({
        kind: 'mount',
        name: target,
        ...ownerOfMount(target.slice(run.root.length + 1)),
      })),
    ...loops.map(({ device, file }): Trace => ({ kind: 'loop device', name: device, ...slotOfDisk(file) })),
    ...(await Promise.all(
      disks.filter((name) => /^\d+(\.img)?$/.test(name)).map((name) => disk(place.diskFolder, name)),
    )),
  ];
}

/** By what the runtime knows, and by what a removal that was cut short leaves: exit codes and mount points. */
async function containersOf(run: RunFolders): Promise<string[]> {
  const [known, exits, roots] = await Promise.all([run.runtime, run.exits, run.roots].map(names));
  const named = [...(exits ?? []), ...(roots ?? [])].flatMap(
    (name) => /^(.+-\d+-\d+)(?:\.done)?$/.exec(name)?.[1] ?? [],
  );
  return [...new Set([...(known ?? []), ...named])];
}

async function disk(folder: string, name: string): Promise<Trace> {
  const path = join(folder, name);
  const found = await stat(path);
  // What a folder holds would take a while to count.
  const size = found.isDirectory() ? {} : { bytes: found.blocks * 512 };
  return { kind: 'disk', name: path, slot: Number.parseInt(name, 10), ...size };
}

/** Control groups below an instance's that are named as containers are, `TASK-ATTEMPT-EXECUTOR`: others are not the tasks'. */
async function taskCgroups(parent: string): Promise<Trace[]> {
  const found = await Promise.all(
    cgroupFolders(cgroupVersion(), parent).map(async (folder) =>
      (await readdir(folder, { withFileTypes: true }))
        .filter((entry) => entry.isDirectory() && /-\d+-\d+$/.test(entry.name))
        .map(({ name }): Trace => ({ kind: 'cgroup', name: join(folder, name), container: name })),
    ),
  );
  return found.flat();
}

/** `disks/SLOT` and what is below; `roots/CONTAINER`, or `slot-`, `ws-` and `data-` with the slot. */
function ownerOfMount(path: string): Pick<Trace, 'container' | 'slot'> {
  const [room, name = ''] = path.split('/');
  const slot = /^(?:(?:slot|ws|data)-)?(\d+)(?:-\d+)?$/.exec(name)?.[1];
  if (slot !== undefined) return { slot: Number(slot) };
  return room === 'roots' ? { container: name } : {};
}

function slotOfDisk(file: string): Pick<Trace, 'slot'> {
  const slot = /\/(\d+)\.img/.exec(file)?.[1];
  return slot === undefined ? {} : { slot: Number(slot) };
}

async function names(folder: string): Promise<string[]> {
  return await readdir(folder).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  });
}

import { readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { cgroupFolders, cgroupVersion } from '../../src/warden/cgroups.ts';
import { ownLoopDevices, ownMounts } from '../../src/warden/traces.ts';
import { childrenOf, commandOf, text } from './processes.ts';
import type { Stage } from './stage.ts';
import { names } from './victims.ts';

/** What a server holds of its host, each kind as lines that are the same whenever it is in the same state. */
export type Baseline = Readonly<Record<Kind, readonly string[]>>;

const KINDS = [
  'containers',
  'mounts',
  'loop devices',
  'cgroups',
  'namespaces',
  'processes',
  'folders',
  'file descriptors',
] as const;
type Kind = (typeof KINDS)[number];

export async function baselineOf(stage: Stage): Promise<Baseline> {
  const { run, server } = stage;
  const own = ownProcesses(stage);
  const data = join(server.folder, 'data');
  const [runMounts, dataMounts, loops] = await Promise.all([
    ownMounts(run.root),
    ownMounts(data),
    ownLoopDevices(join(data, 'work', 'disks')),
  ]);
  const found: Record<Kind, string[]> = {
    containers: [run.runtime, run.exits].flatMap((folder) => names(folder)),
    mounts: [...runMounts, ...dataMounts].map(({ target }) => target),
    'loop devices': loops.map(({ file }) => file),
    cgroups: cgroupFolders(cgroupVersion(), `/bulkhead-${run.instance}`).flatMap((folder) => [
      folder,
      ...subfolders(folder),
    ]),
    namespaces: [...new Set(own.flatMap(namespacesOf))].map((name) => name.replace(/\[.*/, '')),
    processes: own.map((pid) => commandOf(pid).slice(0, 3).join(' ')),
    // Records and logs of tasks stay, and so do images: where they are, only what is being made counts.
    folders: [
      ...subfolders(run.root),
      ...[run.disks, run.lowers, run.roots, run.runtime, run.exits].flatMap(listed),
      ...listed(data),
      ...['work', 'work/disks', 'images', 'images/work', 'backups'].flatMap((name) =>
        listed(join(data, name)),
      ),
      ...listed(join(data, 'images', 'roots')).filter((path) => !/\/[0-9a-f]{64}$/.test(path)),
    ],
    'file descriptors': [server.pid, ...childrenOf(server.pid)].flatMap((pid) => {
      const name = commandOf(pid).find((word) => /\.(ts|pl)$/.test(word)) ?? '';
      return descriptorsOf(pid).map((path) => `${name.split('/').at(-1)} ${path}`);
    }),
  };
  for (const kind of KINDS) found[kind] = found[kind].map(withoutNumbers).toSorted();
  // Disks and images that slots keep ready: of how many slots depends on how soon the last task's was free again.
  for (const kind of ['mounts', 'loop devices', 'folders'] as const) found[kind] = [...new Set(found[kind])];
  return found;
}

/** What one has more often or less often than the other. */
export function compare(before: Baseline, after: Baseline, kinds: readonly Kind[] = KINDS): string[] {
  return kinds.flatMap((kind) => {
    const counts = new Map<string, number>();
    for (const line of after[kind]) counts.set(line, (counts.get(line) ?? 0) + 1);
    for (const line of before[kind]) counts.set(line, (counts.get(line) ?? 0) - 1);
    return [...counts]
      .filter(([, count]) => count !== 0)
      .map(([line, count]) => `${kind}: ${count > 0 ? '+' : ''}${count} ${line}`);
  });
}

/** Whatever has the server's folder or instance in its command line, folder, root or open files, and what the server started. */
function ownProcesses({ run, server }: Stage): number[] {
  const marks = [server.folder, run.instance];
  const isMarked = (line: string): boolean => marks.some((mark) => line.includes(mark));
  const all = names('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => pid !== process.pid);
  const started = new Set([server.pid, ...childrenOf(server.pid)]);
  return all.filter(
    (pid) =>
      started.has(pid) ||
      isMarked(commandOf(pid).join(' ')) ||
      isMarked(text(`/proc/${pid}/cgroup`)) ||
      [link(`/proc/${pid}/cwd`), link(`/proc/${pid}/root`), ...descriptorsOf(pid)].some(isMarked),
  );
}

function namespacesOf(pid: number): string[] {
  return names(`/proc/${pid}/ns`).map((name) => link(`/proc/${pid}/ns/${name}`));
}

function descriptorsOf(pid: number): string[] {
  return names(`/proc/${pid}/fd`)
    .map((name) => link(`/proc/${pid}/fd/${name}`))
    .filter((path) => path !== '');
}

function link(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

function subfolders(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => join(folder, name));
  } catch {
    return [];
  }
}

function listed(folder: string): string[] {
  return names(folder).map((name) => join(folder, name));
}

/** Ids that differ from one start to the next. */
function withoutNumbers(line: string): string {
  return line
    .replaceAll(/\[\d+\]/g, '[]')
    .replaceAll(/[0-9a-f]{12,64}/g, 'HEX')
    .replaceAll(/HEX-\d+/g, 'HEX-N')
    .replaceAll(/\/(disks|lowers)\/\d+/g, '/$1/N')
    .replaceAll(/\/proc\/\d+\//g, '/proc/PID/');
}

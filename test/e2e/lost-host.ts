import { execFile } from 'node:child_process';
import { readdir, readFile, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { runFolders } from '../../src/warden/run-folders.ts';
import { ownLoopDevices, ownMounts } from '../../src/warden/traces.ts';
import type { TestServer } from '../fixtures/server.ts';
import { until } from '../poll.ts';

/**
 * Takes from a server that has ended what a restart of the host takes: the processes of its containers, its mounts and
 * loop devices, its cgroups and its folder below /run. All of it is found by this instance's name.
 */
export async function loseHost({ folder }: TestServer): Promise<void> {
  const run = runFolders('/run/bulkhead', join(folder, 'data'));
  // Nobody must write an exit code any more: those who wait for containers die before these.
  const attempts = join(folder, 'data', 'work', 'containers');
  const executors = (await folders(attempts)).flatMap(async (attempt) => await folders(attempt));
  const paths = (await Promise.all(executors)).flat();
  const watchers = await Promise.all(paths.map(async (path) => await number(join(path, 'conmon.pid'))));
  for (const [index, path] of paths.entries()) await kill(watchers[index] ?? 0, path);
  const drains = (await names(run.exits)).filter((name) => name.endsWith('.done'));
  for (const name of drains) await kill(await number(join(run.exits, name)), 'hand.pl');
  for (const name of await names(run.runtime)) await killAll(name);
  await promisify(execFile)('/bin/sync');

  for (const { target } of await ownMounts(run.root))
    await promisify(execFile)('/bin/umount', ['--lazy', target]);
  for (const { device } of await ownLoopDevices(join(folder, 'data', 'work', 'disks')))
    await promisify(execFile)('/sbin/losetup', ['--detach', device]);
  await rm(run.root, { recursive: true, force: true });
  for (const cgroup of await cgroups(`bulkhead-${run.instance}`)) {
    for (const child of await folders(cgroup)) await rmdir(child);
    await rmdir(cgroup);
  }
}

async function killAll(container: string): Promise<void> {
  const [cgroup] = (await cgroups(join('*', container))).filter((path) => path.includes('/pids/'));
  const members = async (): Promise<number[]> =>
    cgroup === undefined
      ? []
      : (await text(join(cgroup, 'cgroup.procs'))).split('\n').map(Number).filter(Boolean);
  for (const pid of await members()) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // The end of another took it along.
    }
  }
  await until(async () => (await members()).length === 0, { what: `the end of ${container}` });
}

/** A process whose command line has the word: ids are used again. */
async function kill(pid: number, word: string): Promise<void> {
  const isIt = async (): Promise<boolean> => (await text(`/proc/${pid}/cmdline`)).includes(word);
  if (!(pid > 1) || !(await isIt())) return;
  process.kill(pid, 'SIGKILL');
  await until(async () => !(await isIt()), { what: `the end of ${pid}` });
}

/** Of this instance, in every hierarchy; `*` stands for one name. */
async function cgroups(path: string): Promise<string[]> {
  let found = [...(await folders('/sys/fs/cgroup')), '/sys/fs/cgroup'];
  for (const part of path.split('/')) {
    const below = await Promise.all(found.map(async (folder) => await folders(folder)));
    found = below.flat().filter((folder) => part === '*' || folder.endsWith(`/${part}`));
  }
  return [...new Set(found)];
}

async function folders(path: string): Promise<string[]> {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(path, name));
}

async function names(path: string): Promise<string[]> {
  return await readdir(path).catch(() => []);
}

async function text(path: string): Promise<string> {
  return await readFile(path, 'utf8').catch(() => '');
}

async function number(path: string): Promise<number> {
  return Number((await text(path)).split(/\s/u)[0]);
}

import { readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * What a server that has ended still holds of this machine: mounts, loop devices, control groups, run folders and
 * processes that bear one of the marks (a task's id, the data folder). One line each.
 */
export async function findLeftovers(marks: readonly string[]): Promise<string[]> {
  const isOurs = (text: string) => marks.some((mark) => text.includes(mark));
  const found = await Promise.all([
    mounts(isOurs),
    loops(isOurs),
    controlGroups(isOurs),
    runFolders(isOurs),
    processes(isOurs),
  ]);
  return found.flat();
}

type Test = (text: string) => boolean;

async function mounts(isOurs: Test): Promise<string[]> {
  const lines = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n');
  return lines.filter(isOurs).map((line) => `mount ${line.split(' ')[4]}`);
}

async function loops(isOurs: Test): Promise<string[]> {
  const devices = (await list('/sys/block')).filter((name) => name.startsWith('loop'));
  const backed = devices.map(async (name) => ({
    name,
    file: await read(`/sys/block/${name}/loop/backing_file`),
  }));
  return (await Promise.all(backed))
    .filter(({ file }) => isOurs(file))
    .map(({ name, file }) => `loop device /dev/${name} on ${file.trim()}`);
}

async function controlGroups(isOurs: Test): Promise<string[]> {
  const folders = await subfolders('/sys/fs/cgroup', 6);
  return folders.filter(isOurs).map((folder) => `control group ${folder}`);
}

async function runFolders(isOurs: Test): Promise<string[]> {
  return (await subfolders('/run', 2)).filter(isOurs).map((folder) => `folder ${folder}`);
}

async function processes(isOurs: Test): Promise<string[]> {
  const pids = (await list('/proc')).filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  const described = pids.map(async (pid) => {
    const command = (await read(`/proc/${pid}/cmdline`)).replaceAll('\0', ' ').trim();
    const folder = await readlink(`/proc/${pid}/cwd`).catch(() => '');
    return { text: `process ${pid}: ${command}`, ours: isOurs(command) || isOurs(folder) };
  });
  return (await Promise.all(described)).filter(({ ours }) => ours).map(({ text }) => text);
}

async function subfolders(folder: string, depth: number): Promise<string[]> {
  if (depth === 0) return [];
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const here = entries.filter((entry) => entry.isDirectory()).map((entry) => join(folder, entry.name));
  return [...here, ...(await Promise.all(here.map((each) => subfolders(each, depth - 1)))).flat()];
}

/** What ended while we looked holds nothing any more. */
async function read(file: string): Promise<string> {
  return readFile(file, 'utf8').catch(() => '');
}

async function list(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => []);
}

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Of the container whose bundle is in this folder. */
export async function isConmonAlive(folder: string): Promise<boolean> {
  const pid = Number(await textOf(join(folder, 'conmon.pid')));
  if (!Number.isSafeInteger(pid) || pid <= 1) return false;
  const command = await textOf(`/proc/${pid}/cmdline`);
  return command.split('\0').includes(folder);
}

/** The first line of the file that it ends tells its process id and when that began. Source: proc_pid_stat(5). */
export async function isDrainAlive(summaryFile: string): Promise<boolean> {
  const [, pid, start] = /^(\d+) (\d+)\n/.exec(await textOf(summaryFile)) ?? [];
  if (pid === undefined) return false;
  const stat = await textOf(`/proc/${pid}/stat`);
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] === start;
}

/** Empty where it isn't there. */
async function textOf(path: string): Promise<string> {
  return await readFile(path, 'utf8').catch(() => '');
}

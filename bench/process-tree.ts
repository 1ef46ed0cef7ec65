import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';

/** Clock ticks of /proc, which are 100 a second for every program of Linux on x86_64. */
const TICKS_PER_SECOND = 100;

/** User and system time of a process, its children, and those of theirs that were waited for. */
export async function treeCpuSeconds(pid: number): Promise<number> {
  const seconds = await Promise.all(
    (await tree(pid)).map(async (each) => {
      const stat = await readFile(`/proc/${each}/stat`, 'utf8').catch(() => '');
      // After the name in parentheses: state is field 3, utime to cstime are 14 to 17. Source: proc_pid_stat(5).
      const ticks = stat
        .slice(stat.lastIndexOf(')') + 2)
        .split(' ')
        .slice(11, 15)
        .map(Number);
      return ticks.reduce((sum, one) => sum + one, 0) / TICKS_PER_SECOND;
    }),
  );
  return seconds.reduce((sum, each) => sum + each, 0);
}

/** User and system time of each process itself, without what it started, by its script. Milliseconds. */
export async function ownCpuMs(pid: number): Promise<Map<string, number>> {
  const times = new Map<string, number>();
  for (const each of await tree(pid)) {
    const stat = await readFile(`/proc/${each}/stat`, 'utf8').catch(() => '');
    // Fields 14 and 15, utime and stime, of all its threads.
    const [user, system] = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .slice(11, 13);
    const name = await scriptOf(each);
    const ms = ((Number(user) + Number(system)) * 1000) / TICKS_PER_SECOND;
    if (Number.isFinite(ms)) times.set(name, (times.get(name) ?? 0) + ms);
  }
  return times;
}

/** The program that a process runs: of an interpreter, its script. */
export async function scriptOf(pid: number): Promise<string> {
  const [program = '', ...words] = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split(
    '\0',
  );
  const isInterpreter = /^(node|perl)/.test(basename(program));
  return basename((isInterpreter ? words.find((word) => !word.startsWith('-')) : undefined) ?? program);
}

/** User and system time of this process's children that ended and were waited for, with theirs. Milliseconds. */
export async function endedChildrenCpuMs(): Promise<number> {
  const stat = await readFile('/proc/self/stat', 'utf8');
  // Fields 16 and 17, cutime and cstime. Source: proc_pid_stat(5).
  const [user, system] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(13, 15);
  return ((Number(user) + Number(system)) * 1000) / TICKS_PER_SECOND;
}

/** A process and its descendants. */
export async function tree(pid: number): Promise<number[]> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  const pids = children
    .split(' ')
    .filter((text) => text !== '')
    .map(Number);
  return [pid, ...(await Promise.all(pids.map(tree))).flat()];
}

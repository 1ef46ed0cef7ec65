import { existsSync } from 'node:fs';
import { mkdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { until } from '../test/poll.ts';
import { tree } from './process-tree.ts';

/** Counts the processor time of a server and of all that it starts, also of what nobody waits for. */
export interface CpuGroup {
  /** Milliseconds of user and system time since the group was made. */
  usedMs(): Promise<number>;
  /** Once the server has ended. */
  close(): Promise<void>;
}

/**
 * Moves a process and its descendants into a cgroup of their own, which what they start later inherits; its
 * containers move to a cgroup beside `container`, the path of one of them. Source: cgroups(7); cpuacct.usage of version 1, cpu.stat of version 2.
 */
export async function groupOf(pid: number, container: string): Promise<CpuGroup> {
  const mount = ['/sys/fs/cgroup/cpuacct', '/sys/fs/cgroup/cpu,cpuacct'].find(existsSync) ?? '/sys/fs/cgroup';
  const own = join(mount, `bhbench-cpu-${process.pid}-${pid}`);
  await mkdir(own);
  for (const each of await tree(pid)) await writeFile(join(own, 'cgroup.procs'), String(each));
  const groups = [own, join(mount, dirname(container))];
  const sum = async (): Promise<number> => (await Promise.all(groups.map(usage))).reduce((a, b) => a + b, 0);
  const before = await sum();
  return {
    usedMs: async () => (await sum()) - before,
    async close() {
      await until(
        async () =>
          rmdir(own).then(
            () => true,
            () => false,
          ),
        { timeoutMs: 10_000, what: `the end of every process in ${own}` },
      );
    },
  };
}

async function usage(group: string): Promise<number> {
  const nanoseconds = await readFile(join(group, 'cpuacct.usage'), 'utf8').catch(() => undefined);
  if (nanoseconds !== undefined) return Number(nanoseconds) / 1e6;
  const stat = await readFile(join(group, 'cpu.stat'), 'utf8');
  return Number(/^usage_usec (\d+)$/m.exec(stat)?.[1] ?? 0) / 1e3;
}

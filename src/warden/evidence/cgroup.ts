import { join } from 'node:path';
import type { RuntimeSpec } from '../../backends/oci/compile.ts';
import type { CgroupPaths } from '../cgroups.ts';
import { textOf, type Reading } from './reading.ts';

/** Controllers of cgroup v1 that hold a limit. */
const CONTROLLERS = ['memory', 'pids', 'cpu', 'devices'] as const;

/**
 * That a process is in the control group of its container, in each hierarchy that limits something, and which limits
 * hold there. Source: cgroups(7); the kernel's cgroup-v1/memory.rst and cgroup-v2.rst.
 */
export function cgroupReadings(
  proc: string,
  { linux: { cgroupsPath, resources } }: RuntimeSpec,
  cgroups: CgroupPaths | undefined,
): Reading[] {
  if (cgroups === undefined || resources === undefined) return [{ name: 'cgroup', found: "the server's" }];
  const { memory, cpu, pids } = resources;
  const [limit, swap] = [textOf(cgroups.memoryLimit), textOf(cgroups.swapLimit)];
  const [quota, period] =
    cgroups.version === 1
      ? [textOf(cgroups.cpuQuota), textOf(cgroups.cpuPeriod)]
      : textOf(cgroups.cpuQuota).split(' ');
  return [
    ...membership(textOf(join(proc, 'cgroup')), cgroupsPath, cgroups.version),
    { name: 'memory_limit_bytes', found: limit, wanted: String(pageAligned(memory.limit)) },
    {
      name: 'memory_and_swap_limit_bytes',
      // On v2 the file limits swap alone.
      found:
        cgroups.version === 1 || !/^\d+$/.test(swap + limit) ? swap : String(Number(swap) + Number(limit)),
      wanted: String(pageAligned(memory.swap)),
    },
    { name: 'pids_limit', found: textOf(cgroups.pidsLimit), wanted: String(pids.limit) },
    { name: 'cpu_quota', found: quota ?? 'missing', wanted: String(cpu.quota) },
    { name: 'cpu_period', found: period ?? 'missing', wanted: String(cpu.period) },
    ...devices(cgroups.deviceList),
  ];
}

/** Lines of /proc/PID/cgroup: `ID:CONTROLLERS:PATH`, on v2 one alone, `0::PATH`. */
function membership(lines: string, own: string, version: 1 | 2): Reading[] {
  const paths = new Map(
    lines.split('\n').flatMap((line) => {
      const [, controllers = '', path = ''] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
      return controllers.split(',').map((name): [string, string] => [name, path]);
    }),
  );
  const found = (controller: string): string => {
    const path = paths.get(controller);
    return path === own ? 'own' : (path ?? 'missing');
  };
  return version === 2
    ? [{ name: 'cgroup', found: found(''), wanted: 'own' }]
    : CONTROLLERS.map((name) => ({ name: `cgroup_${name}`, found: found(name), wanted: 'own' }));
}

/** On v2 a program in the kernel decides, which can't be read as a list. */
function devices(list: string | undefined): Reading[] {
  if (list === undefined) return [];
  const isOpen = /^(a|unreadable)/m.test(textOf(list));
  return [{ name: 'devices', found: isOpen ? 'all' : 'listed', wanted: 'listed' }];
}

/** The kernel rounds a memory limit down to whole pages. */
function pageAligned(bytes: number): number {
  return Math.floor(bytes / 4096) * 4096;
}

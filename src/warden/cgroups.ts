import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The files of one container's cgroup, whichever hierarchy the host has. */
export interface CgroupPaths {
  readonly version: 1 | 2;
  readonly memoryLimit: string;
  readonly swapLimit: string;
  readonly pidsLimit: string;
  /** On v2 the period is in it too. */
  readonly cpuQuota: string;
  readonly cpuPeriod: string;
  /** On v1. */
  readonly deviceList?: string;
  readonly memoryEvents: string;
  readonly pidsEvents: string;
}

export const MOUNT = '/sys/fs/cgroup';

/** A pure v2 host has the controllers in one tree; every other is driven as v1, hybrid mode included. */
export function cgroupVersion(): 1 | 2 {
  return existsSync(join(MOUNT, 'cgroup.controllers')) ? 2 : 1;
}

export function cgroupPaths(version: 1 | 2, parent: string, container: string): CgroupPaths {
  if (version === 2) {
    const folder = join(MOUNT, parent, container);
    return {
      version,
      memoryLimit: join(folder, 'memory.max'),
      swapLimit: join(folder, 'memory.swap.max'),
      pidsLimit: join(folder, 'pids.max'),
      cpuQuota: join(folder, 'cpu.max'),
      cpuPeriod: join(folder, 'cpu.max'),
      memoryEvents: join(folder, 'memory.events'),
      pidsEvents: join(folder, 'pids.events'),
    };
  }
  const folder = (controller: string): string => join(MOUNT, controller, parent, container);
  return {
    version,
    memoryLimit: join(folder('memory'), 'memory.limit_in_bytes'),
    swapLimit: join(folder('memory'), 'memory.memsw.limit_in_bytes'),
    pidsLimit: join(folder('pids'), 'pids.max'),
    cpuQuota: join(folder('cpu'), 'cpu.cfs_quota_us'),
    cpuPeriod: join(folder('cpu'), 'cpu.cfs_period_us'),
    deviceList: join(folder('devices'), 'devices.list'),
    memoryEvents: join(folder('memory'), 'memory.oom_control'),
    pidsEvents: join(folder('pids'), 'pids.events'),
  };
}

/** A number of a flat keyed file, 0 where it isn't there. */
export function counter(path: string, key: string): number {
  const content = existsSync(path) ? readFileSync(path, 'utf8') : '';
  return Number(new RegExp(`^${key} (\\d+)$`, 'm').exec(content)?.[1] ?? 0);
}

/** The folders of an instance's parent cgroup, in every hierarchy that has it. */
export function cgroupFolders(version: 1 | 2, parent: string): string[] {
  const hierarchies =
    version === 2 ? [MOUNT] : readdirSync(MOUNT).map((controller) => join(MOUNT, controller));
  return hierarchies.map((hierarchy) => join(hierarchy, parent)).filter((folder) => existsSync(folder));
}

/** Both hierarchies are mounted, and controllers are in either. */
export function isHybrid(): boolean {
  return existsSync(join(MOUNT, 'unified', 'cgroup.controllers'));
}

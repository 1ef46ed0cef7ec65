import { join } from 'node:path';
import type { RuntimeSpec } from '../../backends/oci/compile.ts';
import { BulkheadError } from '../../errors.ts';
import type { CgroupPaths } from '../cgroups.ts';
import { cgroupReadings } from './cgroup.ts';
import { mountReadings } from './mounts.ts';
import { processReadings } from './process.ts';
import { isAlive } from './reading.ts';

/**
 * Reads from outside what the kernel enforces on a process that has not run its first instruction, and holds it
 * against the runtime specification; without `cgroups`, it has no control group of its own. Throws `evidence` naming every
 * control that differs, and `attempt-lost` where somebody killed it in the meantime.
 */
export function observe(
  pid: number,
  spec: RuntimeSpec,
  cgroups: CgroupPaths | undefined,
): Record<string, string> {
  const proc = join('/proc', String(pid));
  const readings = [
    ...processReadings(proc, spec),
    ...cgroupReadings(proc, spec, cgroups),
    ...mountReadings(proc, spec),
  ];
  const differing = readings.filter(({ found, wanted }) => wanted !== undefined && found !== wanted);
  if (differing.length > 0) {
    if (!isAlive(proc))
      throw new BulkheadError(
        'attempt-lost',
        "the container's first process was killed before its first instruction",
      );
    const list = differing.map(({ name, found, wanted }) => `${name} is ${found}, not ${wanted}`).join('; ');
    throw new BulkheadError(
      'evidence',
      `the sandbox that the kernel enforces is not the one that was asked for: ${list}; the task was not started`,
    );
  }
  return Object.fromEntries(readings.map(({ name, found }) => [name, found]));
}

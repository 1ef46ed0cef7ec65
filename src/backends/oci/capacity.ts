import { mkdir, statfs } from 'node:fs/promises';
import { availableParallelism, totalmem } from 'node:os';
import type { Capacity } from '../backend.ts';
import type { OciBackendOptions } from './config.ts';

/** This machine, less what the site keeps for itself. */
export async function measureCapacity({ slots, reserved, diskFolder }: OciBackendOptions): Promise<Capacity> {
  await mkdir(diskFolder, { recursive: true, mode: 0o700 });
  const disk = await statfs(diskFolder);
  const cpuCores = Math.max(0, availableParallelism() - reserved.cpuCores);
  return {
    cpuCores,
    memoryBytes: Math.max(0, totalmem() - reserved.memoryBytes),
    diskBytes: Math.max(0, disk.bavail * disk.bsize - reserved.diskBytes),
    slots: slots === 'auto' ? Math.max(8, Math.ceil(cpuCores) * 4) : slots,
  };
}

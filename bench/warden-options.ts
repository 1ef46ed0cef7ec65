import { join } from 'node:path';
import type { WardenOptions } from '../src/warden/local-warden.ts';

/** Of a warden on a folder of its own. */
export function wardenOptions(folder: string): WardenOptions {
  return {
    dataFolder: folder,
    runFolder: '/run/bulkhead',
    diskFolder: join(folder, 'disks'),
    runtime: 'auto',
    appArmor: 'auto',
    idBase: 1_879_048_192,
    poolSize: 2,
    logFolder: join(folder, 'logs'),
    imageFolders: { roots: join(folder, 'images', 'roots'), work: join(folder, 'images', 'work') },
    readers: 0,
    siteRoots: [],
  };
}

import { join } from 'node:path';
import type { Config } from '../config/schema.ts';
import { siteRoots } from './site-roots.ts';
import type { WardenOptions } from '../warden/local-warden.ts';
import type { ServerUser } from '../warden/server-user.ts';

/** What the configuration says of the warden. `data`: the data folder, resolved; `run`: what holds the mount points. */
export function wardenOptions(
  config: Config,
  { data, run }: { readonly data: string; readonly run: string },
  { gid }: ServerUser,
): WardenOptions {
  return {
    dataFolder: data,
    runFolder: run,
    diskFolder: join(config.backend.work, 'disks'),
    runtime: config.backend.runtime,
    appArmor: config.backend.apparmor,
    idBase: config.backend.id_base,
    poolSize: config.backend.disk_pool === 'auto' ? 4 : config.backend.disk_pool,
    logFolder: join(config.backend.work, 'containers'),
    imageFolders: { roots: join(config.images.store, 'roots'), work: join(config.images.store, 'work') },
    readers: gid,
    siteRoots: siteRoots(config),
  };
}

import { createHash } from 'node:crypto';
import { join } from 'node:path';

/**
 * Where an instance keeps what lives only while the machine runs. Below /run/bulkhead, since runtimes can't reach a
 * root file system below a private home; named by the data folder, so that several servers don't meet.
 */
export interface RunFolders {
  readonly instance: string;
  readonly root: string;
  readonly disks: string;
  /** Images as the containers of one slot see them: id-mapped. */
  readonly lowers: string;
  readonly roots: string;
  readonly runtime: string;
  /** Exit codes, and what the drains say at the end. */
  readonly exits: string;
  /** Empty: where programs in a jail build their root, each in a namespace of its own. */
  readonly jail: string;
}

export function runFolders(base: string, dataFolder: string): RunFolders {
  const instance = createHash('sha256').update(dataFolder).digest('hex').slice(0, 10);
  const root = join(base, instance);
  return {
    instance,
    root,
    disks: join(root, 'disks'),
    lowers: join(root, 'lowers'),
    roots: join(root, 'roots'),
    runtime: join(root, 'runtime'),
    exits: join(root, 'exits'),
    jail: join(root, 'jail'),
  };
}

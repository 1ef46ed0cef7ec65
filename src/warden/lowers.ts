import { join } from 'node:path';
import type { Hand } from './hand.ts';
import type { RunFolders } from './run-folders.ts';
import * as step from './steps.ts';
import type { MappedImage } from './warden.ts';

/** Images as the containers of one slot see them, mounted once for each slot and image and kept. */
export interface Lowers {
  /** Name of the mount below the run folder, for use in a relative `lowerdir`. */
  name(slot: number, digest: string): string;
  add(slot: number, image: MappedImage): Promise<void>;
  forget(digest: string): Promise<void>;
}

const ID_RANGE = 65_536;

export function createLowers(options: {
  hand: Hand;
  run: RunFolders;
  idMapped: boolean;
  idBase: (slot: number) => number;
}): Lowers {
  const { hand, run } = options;
  const mounted = new Map<string, Promise<void>>();

  const name = (slot: number, digest: string): string =>
    `${slot}-${digest.replace(/^sha256:/, '').slice(0, 16)}`;

  async function mountOne(slot: number, image: MappedImage): Promise<void> {
    const target = join(run.lowers, name(slot, image.digest));
    const ids = { from: image.idBase, to: options.idBase(slot), size: ID_RANGE };
    await hand.run(`image ${image.digest}`, [
      step.mkdir(target, 0o711, 0, 0),
      options.idMapped
        ? step.idmap(image.rootfs, target, ids, step.MOUNT_ATTR.nodev)
        : step.mount(image.rootfs, target, 'none', step.MS.bind, ''),
    ]);
  }

  return {
    name,
    async add(slot, image) {
      const key = name(slot, image.digest);
      let mounting = mounted.get(key);
      if (!mounting) {
        mounting = mountOne(slot, image);
        mounted.set(key, mounting);
        mounting.catch(() => mounted.delete(key));
      }
      await mounting;
    },
    async forget(digest) {
      const suffix = name(0, digest).slice(1);
      for (const key of mounted.keys()) {
        if (!key.endsWith(suffix)) continue;
        mounted.delete(key);
        await hand.run(`forgetting image ${digest}`, [
          step.umount(join(run.lowers, key), step.MNT_DETACH),
          step.rmdir(join(run.lowers, key)),
        ]);
      }
    },
  };
}

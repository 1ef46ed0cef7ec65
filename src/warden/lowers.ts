import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { BulkheadError } from '../errors.ts';
import type { Hand } from './hand.ts';
import type { RunFolders } from './run-folders.ts';
import * as step from './steps.ts';

/** Images as the containers of one slot see them, mounted once for each slot and image and kept. */
export interface Lowers {
  /** Name of the mount below the run folder, for use in a relative `lowerdir`. */
  name(slot: number, digest: string): string;
  add(slot: number, image: MappedImage): Promise<void>;
  forget(digest: string): Promise<void>;
}

export interface MappedImage {
  readonly digest: string;
  readonly rootfs: string;
  readonly idBase: number;
}

export function createLowers(options: {
  hand: Hand;
  run: RunFolders;
  idMapped: boolean;
  idBase: (slot: number) => number;
  idCount: number;
}): Lowers {
  const { hand, run } = options;
  /** By slot and digest: the mount's name, and the work of making it. */
  const mounts = new Map<string, { name: string; rootfs: string; mounting: Promise<void> }>();

  async function mountOne(slot: number, image: MappedImage, name: string): Promise<void> {
    const target = join(run.lowers, name);
    const ids = { from: image.idBase, to: options.idBase(slot), size: options.idCount };
    await hand.run(`image ${image.digest}`, [
      step.mkdir(target, 0o711, 0, 0),
      options.idMapped
        ? step.idmap(image.rootfs, target, ids, step.MOUNT_ATTR.nodev)
        : step.mount(image.rootfs, target, 'none', step.MS.bind, ''),
    ]);
  }

  return {
    name(slot, digest) {
      const found = mounts.get(key(slot, digest));
      if (!found) throw new BulkheadError('internal', `image ${digest} is not mapped for slot ${slot}`);
      return found.name;
    },
    async add(slot, image) {
      // An image that was removed and unpacked again is another folder: a mount of the old one would be empty.
      const { ino } = await stat(image.rootfs);
      const name = `${slot}-${image.digest.replace(/^sha256:/, '').slice(0, 12)}-${ino}`;
      const known = mounts.get(key(slot, image.digest));
      if (known?.name === name) return known.mounting;
      const mounting = mountOne(slot, image, name);
      mounts.set(key(slot, image.digest), { name, rootfs: image.rootfs, mounting });
      mounting.catch(() => mounts.delete(key(slot, image.digest)));
      await mounting;
      if (known) await hand.run(`image ${image.digest}`, unmount(known.name));
    },
    async forget(digest) {
      for (const [at, { name, rootfs }] of mounts) {
        if (!at.endsWith(` ${digest}`)) continue;
        // Unpacked anew in the meantime: in use.
        const current = await stat(rootfs).catch(() => undefined);
        if (current && name.endsWith(`-${current.ino}`)) continue;
        mounts.delete(at);
        await hand.run(`forgetting image ${digest}`, unmount(name));
      }
    },
  };

  function unmount(name: string): step.Step[] {
    return [step.umount(join(run.lowers, name), step.MNT_DETACH), step.rmdir(join(run.lowers, name))];
  }
}

function key(slot: number, digest: string): string {
  return `${slot} ${digest}`;
}

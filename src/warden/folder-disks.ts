import { existsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { type Disks, FULL_BYTES } from './disks.ts';
import type { Hand } from './hand.ts';
import type { RunFolders } from './run-folders.ts';
import * as step from './steps.ts';

/**
 * One folder for each slot, mounted where its disk would be, for a warden that may neither use loop devices nor mount
 * an ext4: a task's files have a place and an end, but no limit of their own (`disk` is not enforced).
 */
export function createFolderDisks(options: {
  readonly hand: Hand;
  readonly run: RunFolders;
  readonly folder: string;
}): Disks {
  const { hand, run } = options;
  const mounted = new Set<number>();
  const mountPoint = (slot: number): string => join(run.disks, String(slot));
  const place = (slot: number): string => join(options.folder, String(slot));
  const folder = (slot: number): string => join(mountPoint(slot), 't');

  async function discard(slot: number): Promise<void> {
    mounted.delete(slot);
    await hand.run(`removing task folder ${slot}`, [
      step.umount(mountPoint(slot), step.MNT_DETACH),
      step.rmdir(mountPoint(slot)),
      step.exec('/bin/rm', ['-rf', '--one-file-system', '--', place(slot)]),
    ]);
  }

  return {
    folder,
    discard,
    has: (slot) => mounted.has(slot),
    adopt: (slot) => void mounted.add(slot),
    // Made in no time.
    pooled: () => [],
    async open({ slot }) {
      await discard(slot);
      await hand.run(`task folder ${slot}`, [
        step.mkdir(place(slot), 0o711, 0, 0),
        step.mkdir(mountPoint(slot), 0o711, 0, 0),
        step.mount(place(slot), mountPoint(slot), 'none', step.MS.bind, ''),
        step.mkdir(folder(slot), 0o711, 0, 0),
      ]);
      mounted.add(slot);
    },
    async close(slot) {
      if (mounted.has(slot) || existsSync(place(slot))) await discard(slot);
    },
    async isFull(slot) {
      // Of the host: whatever fills it, the task meets ENOSPC.
      const used = await statfs(mountPoint(slot));
      return { bytes: used.bavail * used.bsize < FULL_BYTES, inodes: used.ffree === 0 };
    },
  };
}

import { existsSync, readdirSync, rmSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { isBulkheadError } from '../errors.ts';
import type { Hand } from './hand.ts';
import type { RunFolders } from './run-folders.ts';
import * as step from './steps.ts';

export interface DiskRequest {
  readonly slot: number;
  readonly bytes: number;
  readonly inodes: number;
}

/**
 * One file system for each slot, in a preallocated file: a hard limit of bytes and inodes for the task, and blocks
 * that are there when they are written (a sparse file on a full host loses data after `close` succeeded). A disk is
 * kept mounted and empty for the next task of its slot, since making one costs more than a short task takes.
 */
export interface Disks {
  open(request: DiskRequest): Promise<void>;
  close(slot: number): Promise<void>;
  has(slot: number): boolean;
  /** Slots whose disk is ready, by size. */
  pooled(): readonly DiskRequest[];
  /** Takes over the mounted disk of an attempt that an earlier process started. */
  adopt(slot: number, device: string): void;
  /** Unmounts and removes. */
  discard(slot: number): Promise<void>;
  /** All that a task writes is below this folder of its disk. */
  folder(slot: number): string;
  isFull(slot: number): Promise<{ bytes: boolean; inodes: boolean }>;
}

interface Disk extends DiskRequest {
  readonly device: string;
  /** Of an earlier process, size unknown: not used again. */
  readonly adopted?: boolean;
}

/** Above these a new file system is quicker than deleting. */
const CLEAN_INODES = 1000;
const CLEAN_BYTES = 256 * 2 ** 20;

/**
 * With less than this a disk is full. ext4 keeps blocks back for the next index of a file, so that the last few are never
 * given, and looks for room for a whole folio, which is as large as a large write where the kernel has such folios: writes
 * of 1 MiB met ENOSPC with 0.9 MiB left (Linux 6.18).
 */
export const FULL_BYTES = 2 * 2 ** 20;
/** A small disk isn't full before it has less than this part of itself. */
const FULL_PART = 1 / 32;

/** What ext4 keeps for itself of a small disk. */
const OVERHEAD_BYTES = 4 * 2 ** 20;

export function createDisks(options: {
  hand: Hand;
  run: RunFolders;
  folder: string;
  poolSize: number;
}): Disks {
  const { hand, run } = options;
  const disks = new Map<number, Disk>();
  const idle = new Set<number>();

  const mountPoint = (slot: number): string => join(run.disks, String(slot));
  const image = (slot: number): string => join(options.folder, `${slot}.img`);
  const folder = (slot: number): string => join(mountPoint(slot), 't');

  async function make(request: DiskRequest): Promise<void> {
    const { slot, bytes, inodes } = request;
    const size = Math.ceil((bytes + OVERHEAD_BYTES + inodes * 256) / 4096) * 4096;
    try {
      await hand.run(`task disk ${slot}`, [
        step.unlink(image(slot)),
        step.allocate(image(slot), 0o600, size),
      ]);
      const device = await hand.run(`task disk ${slot}`, [
        step.exec('/sbin/losetup', ['--find', '--show', '--direct-io=on', image(slot)]),
      ]);
      disks.set(slot, { ...request, device: device.trim() });
      await format(slot);
    } catch (error) {
      await discard(slot);
      throw error;
    }
  }

  async function format(slot: number): Promise<void> {
    const disk = disks.get(slot);
    if (!disk) return;
    await hand.run(`file system of task disk ${slot}`, [
      // No journal: after a crash of the host the disk is made anew. No reserve: the task may fill all of it.
      step.exec('/sbin/mke2fs', [
        '-q',
        '-F',
        '-t',
        'ext4',
        '-m',
        '0',
        '-N',
        String(disk.inodes),
        '-I',
        '256',
        '-O',
        '^has_journal,^resize_inode',
        '-E',
        'nodiscard,lazy_itable_init=1',
        disk.device,
      ]),
      step.mkdir(mountPoint(slot), 0o711, 0, 0),
      step.mount(disk.device, mountPoint(slot), 'ext4', step.MS.nodev | step.MS.nosuid | step.MS.noatime, ''),
      step.chdir(mountPoint(slot)),
      step.rmdir(join(mountPoint(slot), 'lost+found')),
      step.mkdir(folder(slot), 0o711, 0, 0),
    ]);
  }

  async function discard(slot: number): Promise<void> {
    const disk = disks.get(slot);
    idle.delete(slot);
    disks.delete(slot);
    await hand.run(`removing task disk ${slot}`, [
      step.umount(mountPoint(slot), step.MNT_DETACH),
      ...(disk ? [step.exec('/sbin/losetup', ['--detach', disk.device])] : []),
      step.unlink(image(slot)),
      step.rmdir(mountPoint(slot)),
    ]);
  }

  /**
   * False where that can't be done, as with paths longer than the kernel takes. Nothing of the task is alive that could
   * race. In one go on this thread: few files are quicker removed than handed to others one by one.
   */
  function emptied(slot: number): boolean {
    try {
      for (const name of readdirSync(folder(slot), { encoding: 'buffer' }))
        rmSync(Buffer.concat([Buffer.from(`${folder(slot)}/`), name]), { recursive: true });
      return true;
    } catch {
      return false;
    }
  }

  return {
    folder,
    has: (slot) => disks.has(slot),
    adopt: (slot, device) => void disks.set(slot, { slot, device, bytes: 0, inodes: 0, adopted: true }),
    pooled: () => [...idle].flatMap((slot) => disks.get(slot) ?? []),
    discard,
    async open(request) {
      const disk = disks.get(request.slot);
      idle.delete(request.slot);
      if (disk && disk.bytes === request.bytes && disk.inodes === request.inodes) return;
      if (disk) await discard(request.slot);
      try {
        await make(request);
      } catch (error) {
        // Ready-made disks are there for speed: a task that needs their room goes first.
        if (!isBulkheadError(error) || error.code !== 'disk-full' || idle.size === 0) throw error;
        for (const slot of idle) await discard(slot);
        await make(request);
      }
    },
    async close(slot) {
      const disk = disks.get(slot);
      // A restart of the host leaves the file and takes the mount.
      if (!disk && existsSync(image(slot))) await discard(slot);
      if (!disk) return;
      if (disk.adopted === true || idle.size >= options.poolSize) {
        await discard(slot);
        return;
      }
      const used = await statfs(mountPoint(slot));
      const isSmall =
        used.files - used.ffree < CLEAN_INODES && (used.blocks - used.bfree) * used.bsize < CLEAN_BYTES;
      // Else a new one is made when it is needed: quicker than deleting, and a device can stay in use for a moment.
      if (isSmall && emptied(slot)) idle.add(slot);
      else await discard(slot);
    },
    async isFull(slot) {
      const used = await statfs(mountPoint(slot));
      const full = Math.min(FULL_BYTES, used.blocks * used.bsize * FULL_PART);
      return { bytes: used.bavail * used.bsize < full, inodes: used.ffree === 0 };
    },
  };
}

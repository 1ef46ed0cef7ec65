import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { cgroupFolders, cgroupPaths, cgroupVersion, counter } from './cgroups.ts';
import { createContainers } from './containers.ts';
import { createDisks } from './disks.ts';
import { startHand } from './hand.ts';
import { findHost, probeIdMappedMounts } from './host.ts';
import { linkSteps, probeLinks } from './links.ts';
import { createLowers } from './lowers.ts';
import { runFolders } from './run-folders.ts';
import type { ReadyDisks } from './ready-disks.ts';
import * as step from './steps.ts';
import { ownLoopDevices, ownMounts } from './traces.ts';
import type { Warden } from './warden.ts';
import {
  isWholeRoot,
  linkedWorkspace,
  makeFolders,
  treeSteps,
  wholeRoot,
  workspaceFolder,
} from './workspace.ts';

export interface WardenOptions {
  /** Absolute; identifies the instance. */
  readonly dataFolder: string;
  /** Below it are the instance's mount points. */
  readonly runFolder: string;
  /** Holds the task disks. */
  readonly diskFolder: string;
  /** `auto`, `runc`, or a path. */
  readonly runtime: string;
  readonly idBase: number;
  /** Ready-made disks that are kept. */
  readonly poolSize: number;
}

const ID_RANGE = 65_536;

/** The warden within this process: needs root. */
export async function openLocalWarden(options: WardenOptions): Promise<Warden & ReadyDisks> {
  const run = runFolders(options.runFolder, options.dataFolder);
  const host = await findHost(options.runtime);
  const hand = startHand();
  const version = cgroupVersion();
  const cgroupParent = `/bulkhead-${run.instance}`;

  await hand.run('run-time folders', [
    ...[options.runFolder, run.root, run.disks, run.lowers, run.roots].map((path) =>
      step.mkdir(path, 0o711, 0, 0),
    ),
    ...[run.runtime, run.exits, options.diskFolder].map((path) => step.mkdir(path, 0o700, 0, 0)),
  ]);
  const idMapped = await probeIdMappedMounts(hand, run, options.idBase);
  const linkedInputs = await probeLinks(hand, run);
  // Slot 0 shares the range of the images on disk, so that without id-mapped mounts every slot can.
  const idBase = (slot: number): number => options.idBase + (idMapped ? (slot + 1) * ID_RANGE : 0);

  const disks = createDisks({ hand, run, folder: options.diskFolder, poolSize: options.poolSize });
  const lowers = createLowers({ hand, run, idMapped, idBase });
  const containers = createContainers({
    hand,
    run,
    disks,
    lowers,
    runtime: host.runtime,
    conmon: host.conmon,
    init: host.init,
    cgroupParent,
    cgroupVersion: version,
    hardLimits: host.hardLimits,
    idBase,
    unenforced: idMapped ? [] : ['id-range: shared between tasks, since this host has no id-mapped mounts'],
  });

  // A disk that stayed mounted is that of an attempt which an earlier process started.
  for (const { target, source } of await ownMounts(run.disks)) {
    disks.adopt(Number(target.slice(run.disks.length + 1)), source);
  }

  return {
    abilities: { runtime: host.runtime.version, idMappedMounts: idMapped, linkedInputs },
    exits: run.exits,
    openDisk: (request) => disks.open(request),
    hasDisk: async (slot) => disks.has(slot),
    async closeDisk(slot) {
      const names = (await readdir(run.roots)).filter(
        (name) => name === `slot-${slot}` || name === `ws-${slot}` || name.startsWith(`data-${slot}-`),
      );
      // The overlay before the folders that it shows.
      const paths = names
        .toSorted()
        .toReversed()
        .map((name) => join(run.roots, name));
      if (paths.length > 0)
        await hand.run(
          `slot ${slot}`,
          paths.flatMap((path) => [step.umount(path), step.rmdir(path)]),
        );
      await disks.close(slot);
    },
    mapImage: (slot, image) => lowers.add(slot, image),
    forgetImage: (digest) => lowers.forget(digest),
    async makeWorkspace({ slot, trees, uid: inside, gid: insideGid, imageDigest, sandbox, links }) {
      const rootId = idBase(slot);
      const [uid, gid] = [rootId + inside, rootId + insideGid];
      const folders = (root: string): step.Step[] =>
        trees.flatMap((tree) => treeSteps(root, tree, { rootId, uid, gid }));
      const what = `workspace of slot ${slot}`;
      if (isWholeRoot(trees)) {
        const rootfs = wholeRoot(run, slot);
        await hand.run(what, [
          step.umount(rootfs),
          ...containers.rootSteps({ slot, imageDigest, layer: 'ws', rootfs, spec: { sandbox } }),
        ]);
      } else if (links.length > 0) {
        const onDisk = join('disks', String(slot), 't');
        const dataName = (at: number): string => `data-${slot}-${at}`;
        await hand.run(
          what,
          linkSteps({
            run,
            onDisk,
            target: linkedWorkspace(run, slot),
            dataName,
            inputs: links,
            folders,
            uid,
            gid,
            rootId,
          }),
        );
      } else {
        makeFolders(workspaceFolder(disks, run, slot, trees), trees, { rootId, uid, gid });
      }
      return { root: workspaceFolder(disks, run, slot, trees), uid, gid };
    },
    async chownWorkspace(slot, uid, gid) {
      const base = idBase(slot);
      // -P: no symbolic link is followed; nothing of the task is alive.
      await hand.run(`workspace of slot ${slot}`, [
        step.exec('/bin/chown', [
          '-R',
          '-P',
          '-h',
          `${base + uid}:${base + gid}`,
          '--',
          // Where inputs are linked, through the overlay: behind its back it goes on showing the owners that it knows.
          workspaceFolder(disks, run, slot, []),
        ]),
      ]);
    },
    async syncDisk(slot) {
      await hand.run(`task disk ${slot}`, [step.sync(disks.folder(slot))]);
    },
    ...containers,
    async counters(container, slot) {
      const paths = cgroupPaths(version, cgroupParent, container);
      const [oomKills, forksRefused] = [
        counter(paths.memoryEvents, 'oom_kill'),
        counter(paths.pidsEvents, 'max'),
      ];
      const full = await disks.isFull(slot);
      return { oomKills, forksRefused, diskFull: full.bytes, inodesFull: full.inodes };
    },
    async isWatched(folder) {
      const pid = Number(await readFile(join(folder, 'conmon.pid'), 'utf8').catch(() => ''));
      if (!Number.isSafeInteger(pid) || pid <= 1) return false;
      const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
      return command.split('\0').includes(folder);
    },
    async trim() {
      for (const { slot } of disks.pooled()) await disks.discard(slot);
    },
    async sweep(keep) {
      for (const container of await readdir(run.runtime)) {
        if (!keep.containers.includes(container)) await containers.remove(container);
      }
      const mounts = await ownMounts(run.root);
      for (const { target } of mounts) {
        const [room, name] = target.slice(run.root.length + 1).split('/');
        const slot = Number(/^(?:(?:slot|ws|data)-)?(\d+)(?:-\d+)?$/.exec(name ?? '')?.[1]);
        const isKept =
          (room === 'disks' && keep.slots.includes(slot)) ||
          (room === 'roots' && (keep.slots.includes(slot) || keep.containers.includes(name ?? '')));
        if (isKept) continue;
        if (room === 'disks') await disks.discard(slot);
        else await hand.run(`sweeping ${target}`, [step.umount(target, step.MNT_DETACH), step.rmdir(target)]);
      }
      for (const { device, file } of await ownLoopDevices(options.diskFolder)) {
        const slot = Number(/(\d+)\.img$/.exec(file)?.[1]);
        if (!keep.slots.includes(slot))
          await hand.run(`sweeping ${device}`, [step.exec('/sbin/losetup', ['--detach', device])]);
      }
      for (const name of await readdir(options.diskFolder)) {
        if (name.endsWith('.img') && !keep.slots.includes(Number.parseInt(name, 10)))
          await hand.run(`sweeping ${name}`, [step.unlink(join(options.diskFolder, name))]);
      }
    },
    async close({ keep }) {
      for (const { slot } of disks.pooled()) if (!keep.includes(slot)) await disks.discard(slot);
      for (const { target } of await ownMounts(run.lowers))
        await hand.run(`unmounting ${target}`, [step.umount(target, step.MNT_DETACH), step.rmdir(target)]);
      if (keep.length === 0) {
        const folders = [run.disks, run.lowers, run.roots, run.runtime, run.exits, run.root];
        await hand
          .run(
            'removing run-time folders',
            [...cgroupFolders(version, cgroupParent), ...folders].map(step.rmdir),
          )
          .catch(() => {});
      }
      await hand.close();
    },
  };
}

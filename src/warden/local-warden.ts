import { chmodSync, existsSync, mkdirSync } from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { openAppArmor } from './apparmor.ts';
import { cgroupFolders, cgroupPaths, cgroupVersion, counter } from './cgroups.ts';
import type { TreeRequest } from './tree/request.ts';
import { createContainers, type CreateRequest } from './containers.ts';
import { cgroupParent, enterDelegation, isDelegated, leaveDelegation } from './delegation.ts';
import { createDisks } from './disks.ts';
import { createFolderDisks } from './folder-disks.ts';
import { type AttemptState, demandLinks, demandTreeRequest, type SiteRoot } from './guard.ts';
import { startHand } from './hand.ts';
import { isInUserNamespace, taskIds } from './host-ids.ts';
import { findHost, probeIdMappedMounts } from './host.ts';
import { openImageRoots } from './image/roots.ts';
import { demandReadable } from './link-access.ts';
import { linkSteps, probeLinks } from './links.ts';
import { createLowers } from './lowers.ts';
import { runFolders } from './run-folders.ts';
import { createCrun } from './runtime/crun.ts';
import { createRunc } from './runtime/runc.ts';
import type { ReadyDisks } from './ready-disks.ts';
import { demandSealable, refusal } from './sealing.ts';
import { forgetSteps, recordSteps } from './orphans.ts';
import { openSeals } from './seals.ts';
import * as step from './steps.ts';
import { surveyHost, type Trace } from './survey.ts';
import { sweepHost } from './sweep.ts';
import { ownMounts } from './traces.ts';
import type { UnpackedImages } from './unpacked-images.ts';
import { madeInRoot } from './whole-root.ts';
import type { ExecutorName, LinkedInputs, SealedAttempt, Warden, Workspace } from './warden.ts';
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
  /** Bundles and logs of attempts. */
  readonly logFolder: string;
  /** Unpacked images; and where they are prepared, by whoever asks for their unpacking. */
  readonly imageFolders: { readonly roots: string; readonly work: string };
  /** `auto`, `runc`, `crun`, or a path. */
  readonly runtime: string;
  /** `auto`, `off`, or the name of a profile. */
  readonly appArmor: string;
  readonly idBase: number;
  /** Ready-made disks that are kept. */
  readonly poolSize: number;
  /** Group that may read what executors wrote to their streams. */
  readonly readers: number;
  /** Folders of this host below which tasks may read or write. */
  readonly siteRoots: readonly SiteRoot[];
  /** The warden's hand has ended, and nothing can be done any more; called before any request fails by it. */
  readonly onLost?: (why: string) => void;
}

/** All that needs privilege on this host. */
export interface LocalWarden extends Warden, ReadyDisks, UnpackedImages {
  /** The attempts whose files it touches. Throws `forbidden` for access to files that no attempt gives the server. */
  demandTree(request: TreeRequest): readonly string[];
  /** All that stands on the host of this instance. */
  survey(): Promise<readonly Trace[]>;
}

/** Of one command, so that their names fit into its arguments whatever they are. */
const CHOWN_PATHS = 200;

/** The warden within this process: needs root, or to be root of a user namespace, where less can be enforced. */
export async function openLocalWarden(options: WardenOptions): Promise<LocalWarden> {
  const run = runFolders(options.runFolder, options.dataFolder);
  const host = await findHost(options.runtime);
  const appArmor = await openAppArmor(options.appArmor);
  for (const path of [options.runFolder, run.root]) makeFolder(path, 0o711);
  const { onLost } = options;
  const hand = startHand({ folder: run.root, ...(onLost === undefined ? {} : { onLost }) });
  const version = cgroupVersion();
  const isRootless = isInUserNamespace();
  const ids = taskIds(options.idBase);
  // The host's control groups are others'.
  const parent = isRootless ? null : cgroupParent(run.instance);
  if (parent !== null && hand.pid !== undefined) await enterDelegation(run.instance, hand.pid);
  const { readers } = options;

  await hand.run('run-time folders', [
    ...[run.disks, run.lowers, run.roots, run.jail].map((path) => step.mkdir(path, 0o711, 0, 0)),
    ...[run.runtime, options.diskFolder].map((path) => step.mkdir(path, 0o700, 0, 0)),
    ...[run.exits, options.logFolder].map((path) => step.mkdir(path, 0o750, 0, readers)),
    ...recordSteps(run, {
      dataFolder: options.dataFolder,
      diskFolder: options.diskFolder,
      runtime: host.runtime.path,
    }),
  ]);
  await mkdir(options.imageFolders.roots, { recursive: true, mode: 0o700 });
  const idMapped = await probeIdMappedMounts(hand, run, options.imageFolders.roots, ids.base);
  const linkedInputs = await probeLinks(hand, run);
  // Slot 0 shares the range of the images on disk, so that without id-mapped mounts every slot can.
  const idBase = (slot: number): number => ids.base + (idMapped ? (slot + 1) * ids.count : 0);

  const unenforced = [
    ...(isRootless ? ['cpu', 'memory', 'disk', 'devices'] : []),
    // Without id-mapped mounts, tasks share one range of host ids.
    ...(idMapped ? [] : ['id-range']),
    ...(appArmor.isMissing ? ['apparmor'] : []),
  ];

  const seals = openSeals(options.logFolder, readers);
  const diskPlace = { hand, run, folder: options.diskFolder };
  const disks = isRootless
    ? createFolderDisks(diskPlace)
    : createDisks({ ...diskPlace, poolSize: options.poolSize });
  const lowers = createLowers({ hand, run, idMapped, idBase, idCount: ids.count });
  const images = await openImageRoots({
    folders: options.imageFolders,
    jail: run.jail,
    ids,
    isUsed: (digest) =>
      seals.all().some(({ executors }) => executors.some(({ imageDigest }) => imageDigest === digest)),
    forget: (digest) => lowers.forget(digest),
  });
  const { name: runtimeName, ...program } = host.runtime;
  const runtime =
    runtimeName === 'crun'
      ? createCrun({ ...program, root: run.runtime, hand })
      : createRunc({ ...program, root: run.runtime });
  const containers = createContainers({
    hand,
    run,
    disks,
    lowers,
    runtime,
    conmon: host.conmon,
    init: host.init,
    cgroupParent: parent,
    cgroupVersion: version,
    appArmorProfile: appArmor.profile,
    hardLimits: host.hardLimits,
    idBase,
    idCount: ids.count,
    folder: (container) => {
      const dash = container.lastIndexOf('-');
      return join(seals.folder(container.slice(0, dash)), container.slice(dash + 1));
    },
    readers,
    unenforced,
    // What overlayfs notes of itself is root's of the host, but for this. Source: overlayfs.rst, "User xattr".
    overlayOptions: isRootless ? ',userxattr' : '',
  });

  // Of an earlier process that was killed: this one maps images itself, and what runs keeps what it has open.
  await unmountImages();
  // A disk that stayed mounted is that of an attempt which an earlier process started.
  for (const { target, source } of await ownMounts(run.disks)) {
    const slot = target.slice(run.disks.length + 1);
    if (/^\d+$/.test(slot)) disks.adopt(Number(slot), source);
  }

  /** Mounted for a slot once; after a restart of the server again. */
  async function mapImages({ slot, executors }: SealedAttempt): Promise<void> {
    for (const imageDigest of new Set(executors.map((executor) => executor.imageDigest)))
      await lowers.add(slot, { digest: imageDigest, ...images.root(imageDigest) });
  }

  /** Since this process is the warden; before that, their bundles tell. */
  const begun = new Set<string>();

  function stateOf(sealed: SealedAttempt): AttemptState {
    const { attempt, slot, trees, executors } = sealed;
    return {
      sealed,
      workspace: workspaceFolder(disks, run, slot, trees),
      idBase: idBase(slot),
      idCount: ids.count,
      hasBegun:
        begun.has(attempt) || executors.some((_, index) => containers.hasBundle(name({ attempt, index }))),
      isAlive: executors.some((_, index) => containers.isAlive(name({ attempt, index }))),
    };
  }

  /** Root mounts these places of the image: a link on the way would lead it out of there. */
  async function demandMerged({ executors }: SealedAttempt): Promise<void> {
    for (const { imageDigest: digest, merged: paths } of executors) {
      if (paths.length === 0) continue;
      const folders = await images.imageFolders({ digest, paths });
      const at = folders.findIndex(({ owner }) => owner === null);
      if (at >= 0) throw refusal(`${paths[at]} is no folder of the image ${digest}`);
    }
  }

  /** Another image may run as another user: what earlier executors made must be writable for it. */
  async function handOver({ slot, trees, executors }: SealedAttempt, index: number): Promise<step.Step[]> {
    const [before, now] = [executors[index - 1], executors[index]];
    if (!before || !now) return [];
    const [{ user: last }, { user: next }] = [before.spec, now.spec];
    if (last.uid === next.uid && last.gid === next.gid) return [];
    const owner = `${idBase(slot) + next.uid}:${idBase(slot) + next.gid}`;
    // -P: no symbolic link is followed; nothing of the task is alive.
    const chown = (...paths: (string | Buffer)[]): step.Step =>
      step.exec('/bin/chown', ['-R', '-P', '-h', owner, '--', ...paths]);
    if (isWholeRoot(trees)) {
      const layer = join(disks.folder(slot), 'ws', 'u');
      const made = await madeInRoot(layer, images.root(before.imageDigest).rootfs);
      const parts = Array.from({ length: Math.ceil(made.length / CHOWN_PATHS) }, (_, at) =>
        made.slice(at * CHOWN_PATHS, (at + 1) * CHOWN_PATHS),
      );
      // Behind its back, an overlay goes on showing the owners that it knows.
      return [step.umount(wholeRoot(run, slot)), ...parts.map((paths) => chown(...paths))];
    }
    // Where inputs are linked, through the overlay for the same reason; of the image's files, none.
    return [...containers.unmergeSteps({ slot, trees }), chown(workspaceFolder(disks, run, slot, []))];
  }

  async function closeAttempt(attempt: string): Promise<void> {
    if (!seals.has(attempt)) return;
    const { slot, trees, executors } = seals.of(attempt);
    for (const index of executors.keys()) await containers.clear(name({ attempt, index }));
    await unmountSlot(slot);
    if (executors.some(({ merged }) => merged.length > 0))
      await hand.run(`workspace of slot ${slot}`, containers.unmergeSteps({ slot, trees }));
    await disks.close(slot);
    seals.remove(attempt);
    begun.delete(attempt);
  }

  async function makeWorkspace(sealed: SealedAttempt, inputs: LinkedInputs): Promise<Workspace> {
    const { slot, trees, executors } = sealed;
    const first = requestFor(sealed, 0);
    const rootId = idBase(slot);
    const [uid, gid] = [rootId + first.spec.user.uid, rootId + first.spec.user.gid];
    const owner = { rootId, uid, gid };
    const what = `workspace of slot ${slot}`;
    if (isWholeRoot(trees)) {
      const rootfs = wholeRoot(run, slot);
      const { imageDigest, spec } = first;
      await hand.run(what, [
        step.umount(rootfs),
        ...containers.rootSteps({ slot, imageDigest, layer: 'ws', rootfs, spec }),
      ]);
    } else if (inputs.links.length > 0 && executors.every(({ merged }) => merged.length === 0)) {
      const folders = (root: string): step.Step[] => trees.flatMap((tree) => treeSteps(root, tree, owner));
      const onDisk = join('disks', String(slot), 't');
      const dataName = (at: number): string => `data-${slot}-${at}`;
      const target = linkedWorkspace(run, slot);
      await hand.run(what, linkSteps({ run, onDisk, target, dataName, inputs, folders, uid, gid }));
    } else {
      makeFolders(workspaceFolder(disks, run, slot, trees), sealed, owner);
    }
    return { root: workspaceFolder(disks, run, slot, trees), uid, gid };
  }

  async function unmountImages(): Promise<void> {
    for (const { target } of await ownMounts(run.lowers))
      await hand.run(`unmounting ${target}`, [step.umount(target, step.MNT_DETACH), step.rmdir(target)]);
  }

  async function unmountSlot(slot: number): Promise<void> {
    const names = (await readdir(run.roots)).filter(
      (one) => one === `slot-${slot}` || one === `ws-${slot}` || one.startsWith(`data-${slot}-`),
    );
    // The overlay before the folders that it shows.
    const paths = names
      .toSorted()
      .toReversed()
      .map((one) => join(run.roots, one));
    if (paths.length > 0)
      await hand.run(
        `slot ${slot}`,
        paths.flatMap((path) => [step.umount(path), step.rmdir(path)]),
      );
  }

  return {
    ...images,
    abilities: {
      runtime: host.runtime.version,
      idMappedMounts: idMapped,
      unenforced,
      appArmor: appArmor.found,
      linkedInputs,
    },
    folders: { exits: run.exits, logs: options.logFolder },
    demandTree(request) {
      return demandTreeRequest(request, options.siteRoots, seals.all().map(stateOf));
    },
    async openAttempt(sealed) {
      const { attempt, slot, bytes, inodes } = sealed;
      demandSealable(sealed);
      await demandMerged(sealed);
      seals.add(sealed);
      try {
        await disks.open({ slot, bytes, inodes });
        await mapImages(sealed);
        return await makeWorkspace(sealed, { links: [], linkedFolders: [] });
      } catch (error) {
        // Nothing of it was: it may be tried again.
        await closeAttempt(attempt);
        seals.forget(attempt);
        throw error;
      }
    },
    hasDisk: async ({ attempt }) => seals.has(attempt) && disks.has(seals.of(attempt).slot),
    async makeWorkspace({ attempt, links, linkedFolders }) {
      const sealed = seals.of(attempt);
      // Made by root, by path: afterwards a task may have put links there.
      if (stateOf(sealed).hasBegun)
        throw refusal(`attempt ${attempt} has begun; its folders stay as they are`);
      demandLinks(links, options.siteRoots);
      await demandReadable(links);
      await mapImages(sealed);
      return await makeWorkspace(sealed, { links, linkedFolders });
    },
    async syncDisk({ attempt }) {
      const { slot } = seals.of(attempt);
      await hand.run(`task disk ${slot}`, [step.sync(disks.folder(slot))]);
    },
    async create({ attempt, index }) {
      const sealed = seals.of(attempt);
      begun.add(attempt);
      const request = requestFor(sealed, index);
      const other = [...sealed.executors.keys()].find(
        (at) => at !== index && containers.isAlive(name({ attempt, index: at })),
      );
      if (other !== undefined)
        throw refusal(`executor ${other} of attempt ${attempt} is alive; they run one after another`);
      // Of an earlier process that was killed before it started what it had created.
      await containers.clear(request.container);
      try {
        await mapImages(sealed);
        const given = await handOver(sealed, index);
        if (given.length > 0) await hand.run(`workspace of slot ${sealed.slot}`, given);
        return await containers.create(request);
      } catch (error) {
        await containers.remove(request.container);
        throw error;
      }
    },
    start: async (executor) => containers.start(known(executor)),
    awaitsStart: async (executor) => containers.awaitsStart(name(executor)),
    async kill({ attempt }) {
      if (!seals.has(attempt)) return;
      for (const index of seals.of(attempt).executors.keys()) await containers.kill(name({ attempt, index }));
    },
    remove: async (executor) => containers.remove(name(executor)),
    async counters(executor) {
      const paths = parent === null ? undefined : cgroupPaths(version, parent, known(executor));
      const [oomKills, forksRefused] =
        paths === undefined
          ? [0, 0]
          : [counter(paths.memoryEvents, 'oom_kill'), counter(paths.pidsEvents, 'max')];
      const full = await disks.isFull(seals.of(executor.attempt).slot);
      return { oomKills, forksRefused, diskFull: full.bytes, inodesFull: full.inodes };
    },
    watchers: async (executor) => containers.watchers(name(executor)),
    closeAttempt: async ({ attempt }) => closeAttempt(attempt),
    async forgetAttempts({ attempts }) {
      for (const attempt of attempts) seals.forget(attempt);
    },
    survey: async () => await surveyHost(options),
    async trim() {
      // Each is looked for anew: a slot may have been given away meanwhile, with its disk.
      for (let [next] = disks.pooled(); next !== undefined; [next] = disks.pooled())
        await disks.discard(next.slot);
    },
    async sweep({ attempts }) {
      const kept = seals.all().filter(({ attempt }) => attempts.includes(attempt));
      await sweepHost({ survey: () => surveyHost(options), kept, run, hand, disks, containers });
      for (const { attempt } of seals.all()) if (!attempts.includes(attempt)) seals.remove(attempt);
    },
    async close() {
      const kept = seals.all().map(({ slot }) => slot);
      for (const { slot } of disks.pooled()) if (!kept.includes(slot)) await disks.discard(slot);
      await unmountImages();
      if (kept.length === 0) {
        const folders = [run.disks, run.lowers, run.roots, run.runtime, run.exits, run.jail, run.root];
        await hand
          .run('removing run-time folders', [
            ...forgetSteps(run),
            ...[...(parent === null || isDelegated() ? [] : cgroupFolders(version, parent)), ...folders].map(
              step.rmdir,
            ),
          ])
          .catch(() => {});
      }
      await hand.close();
      if (parent !== null && kept.length === 0) await leaveDelegation(run.instance);
    },
  };

  /** Of an attempt that is open: its name is one that the warden gave. */
  function known(executor: ExecutorName): string {
    return requestFor(seals.of(executor.attempt), executor.index).container;
  }
}

function requestFor(sealed: SealedAttempt, index: number): CreateRequest {
  const executor = sealed.executors[index];
  if (executor === undefined) throw new RangeError(`attempt ${sealed.attempt} has no executor ${index}`);
  const { attempt, slot, trees, rootFiles = [] } = sealed;
  return {
    ...executor,
    container: name({ attempt, index }),
    slot,
    index,
    trees,
    rootFiles,
  };
}

/** Of a container. What it is made of is found in it again, to name its folder. */
function name({ attempt, index }: ExecutorName): string {
  return `${attempt}-${index}`;
}

function makeFolder(path: string, mode: number): void {
  if (existsSync(path)) return;
  mkdirSync(path, { recursive: true });
  chmodSync(path, mode);
}

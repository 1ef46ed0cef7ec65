import { mkdir, open, readFile, statfs, writeFile } from 'node:fs/promises';
import { availableParallelism, totalmem } from 'node:os';
import { join } from 'node:path';
import { BulkheadError } from '../../errors.ts';
import type { Attempt, Backend, Capacity, KillReason } from '../backend.ts';
import { explain } from './causes.ts';
import type { OciBackendOptions } from './config.ts';
import { executorRequest } from './executor-request.ts';
import { watchExits } from './exits.ts';
import { containerName, ociHandle, type OciHandle } from './handle.ts';
import { prepareImages } from './prepare.ts';
import { createSlots } from './slots.ts';
import type { LinkedInput } from '../../warden/warden.ts';
import type { TaskTree } from './staging.ts';

/** Attempts as containers of an OCI runtime on this machine. All that needs privilege goes through the warden. */
export async function createOciBackend(options: OciBackendOptions): Promise<Backend> {
  const { warden, images, staging } = options;
  await mkdir(options.folder, { recursive: true, mode: 0o700 });
  const capacity = await measureCapacity(options);
  const slots = createSlots(capacity.slots);
  const exits = watchExits(warden.exits);
  /** Digests that this process holds for an attempt. */
  const pinned = new Map<string, readonly string[]>();
  const killed = new Map<string, KillReason>();
  /** Containers that are being removed, by attempt. */
  const removals = new Map<string, Promise<void>[]>();
  const trees = new Map<string, TaskTree>();
  /** Slot that a disk of some size was last used in, so that a ready one is taken. */
  const sizes = new Map<number, string>();

  const folderOf = (id: string): string => join(options.folder, id);
  const executorFolder = (id: string, index: number): string => join(folderOf(id), String(index));

  /** Makes the workspace, once: what it looks like is on disk, for a server that comes after this one. */
  async function makeWorkspace(
    handle: OciHandle,
    attempt: Attempt,
    links: readonly LinkedInput[],
  ): Promise<TaskTree> {
    const [first] = handle.executors;
    if (!first) throw new BulkheadError('internal', 'a task without executors was prepared');
    const { root, uid, gid } = await warden.makeWorkspace({
      slot: handle.slot,
      trees: handle.trees,
      uid: first.user.uid,
      gid: first.user.gid,
      imageDigest: first.unpacked.digest,
      sandbox: attempt.sandbox,
      links,
    });
    await keepTree(handle, { root, uid, gid });
    return { root, uid, gid };
  }

  async function keepTree(handle: OciHandle, made: TaskTree): Promise<void> {
    await writeFile(join(folderOf(handle.id), 'workspace.json'), JSON.stringify(made), { mode: 0o600 });
    trees.set(handle.id, made);
  }

  async function tree(handle: OciHandle): Promise<TaskTree> {
    const known = trees.get(handle.id);
    if (known) return known;
    const text = await readFile(join(folderOf(handle.id), 'workspace.json'), 'utf8');
    const { root, uid, gid }: TaskTree = JSON.parse(text);
    return { root, uid, gid };
  }

  /** After a restart, an image that a running attempt needs must not be collected. */
  async function pin(handle: OciHandle): Promise<void> {
    slots.claim(handle.slot);
    if (pinned.has(handle.id)) return;
    const digests: string[] = [];
    pinned.set(handle.id, digests);
    for (const { image } of handle.executors) {
      if (digests.includes(image.digest)) continue;
      await images.acquire(image, () => {}, new AbortController().signal);
      digests.push(image.digest);
    }
    await mapImages(handle);
  }

  async function mapImages(handle: OciHandle): Promise<void> {
    for (const { unpacked } of handle.executors) await warden.mapImage(handle.slot, unpacked);
  }

  async function removed(id: string): Promise<void> {
    await Promise.all(removals.get(id) ?? []);
    removals.delete(id);
  }

  return {
    kind: 'oci',
    capacity: async () => capacity,

    async prepare(attempt, progress, signal) {
      const id = `${attempt.taskId}-${attempt.number}`;
      const { executors, trees: places, digests } = await prepareImages(options, attempt, progress, signal);
      const { diskBytes: bytes, diskInodes: inodes } = attempt.sandbox.limits;
      const size = `${bytes}/${inodes}`;
      const slot = slots.take([...sizes].filter(([, other]) => other === size).map(([ready]) => ready));
      const handle: OciHandle = { backend: 'oci', id, slot, trees: places, executors };
      pinned.set(id, digests);
      try {
        await mkdir(folderOf(id), { recursive: true, mode: 0o700 });
        await warden.openDisk({ slot, bytes, inodes });
        sizes.set(slot, size);
        await mapImages(handle);
        if (signal.aborted)
          throw new BulkheadError('canceled', 'the task was canceled while it was prepared');
        return handle;
      } catch (error) {
        await releaseAll(handle);
        throw error;
      }
    },

    async stageIn(given, attempt, signal) {
      const handle = ociHandle(given);
      await pin(handle);
      const links = await linkable(handle, attempt, signal);
      const made = await makeWorkspace(handle, attempt, links);
      await staging.stageIn(attempt, made, new Set(links.map(({ path }) => path)), signal);
    },

    async start(given, attempt, index) {
      const handle = ociHandle(given);
      await pin(handle);
      assertAlive(handle);
      if (handle.trees[0] === '/') await removed(handle.id);
      await changeOwner(handle, index);
      const container = containerName(handle.id, index);
      try {
        const { evidence } = await warden.create(
          executorRequest(handle, attempt, index, folderOf(handle.id)),
        );
        await writeFile(join(executorFolder(handle.id, index), 'started'), String(options.now()), {
          mode: 0o600,
        });
        assertAlive(handle);
        await warden.start(container);
        return evidence;
      } catch (error) {
        await warden.remove(container);
        assertAlive(handle);
        throw error;
      }
    },

    async wait(given, attempt, index) {
      const handle = ociHandle(given);
      slots.claim(handle.slot);
      const folder = executorFolder(handle.id, index);
      const container = containerName(handle.id, index);
      const startedAt = Number(await readFile(join(folder, 'started'), 'utf8').catch(() => Number.NaN));
      if (Number.isNaN(startedAt))
        throw new BulkheadError('not-found', `executor ${index} was never started`);
      const exit = await exits.wait(container, () => warden.isWatched(folder));
      const [counters, stdout, stderr] = await Promise.all([
        warden.counters(container, handle.slot),
        head(join(folder, 'stdout'), options.textBytes),
        head(join(folder, 'stderr'), options.textBytes),
      ]);
      // Off the way to the next state; `release` waits for it.
      const removal = warden.remove(container);
      removal.catch(() => {});
      removals.set(handle.id, [...(removals.get(handle.id) ?? []), removal]);
      const command = attempt.document.executors[index]?.command[0] ?? '';
      const explained = explain({
        exit,
        counters,
        killed: killed.get(handle.id),
        command,
        sandbox: attempt.sandbox,
        stderr,
      });
      return { ...explained, startedAt, endedAt: Math.max(exit.endedAt, startedAt), stdout };
    },

    async stageOut(given, attempt, signal) {
      const handle = ociHandle(given);
      await pin(handle);
      if ((attempt.document.outputs ?? []).length === 0) return { outputs: [], messages: [], failures: [] };
      await warden.syncDisk(handle.slot);
      return staging.stageOut(attempt, await tree(handle), signal);
    },

    async kill(given, reason) {
      const handle = ociHandle(given);
      if (!killed.has(handle.id)) killed.set(handle.id, reason);
      for (const index of handle.executors.keys()) await warden.kill(containerName(handle.id, index));
    },

    async release(given) {
      await releaseAll(ociHandle(given));
    },

    async sweep(known) {
      const handles = known.map(ociHandle);
      for (const { slot } of handles) slots.claim(slot);
      await warden.sweep({
        containers: handles.flatMap((handle) =>
          [...handle.executors.keys()].map((index) => containerName(handle.id, index)),
        ),
        slots: handles.map(({ slot }) => slot),
      });
    },

    async readLog(given, index, stream, offset, maxBytes) {
      const handle = ociHandle(given);
      return part(join(executorFolder(handle.id, index), stream), offset, maxBytes);
    },

    async close() {
      exits.close();
      await Promise.allSettled([...removals.values()].flat());
    },
  };

  /** Inputs that need no copy: not where an image has files of its own in a shared folder, as two overlays don't stack. */
  async function linkable(
    handle: OciHandle,
    attempt: Attempt,
    signal: AbortSignal,
  ): Promise<readonly LinkedInput[]> {
    if (!warden.abilities.linkedInputs || handle.trees[0] === '/') return [];
    if (handle.executors.some(({ merged }) => merged.length > 0)) return [];
    return staging.links(attempt, signal);
  }

  function assertAlive(handle: OciHandle): void {
    if (killed.has(handle.id))
      throw new BulkheadError('canceled', 'the attempt was killed before this executor started');
  }

  /** Another image may run as another user: what earlier executors made must be writable for it. */
  async function changeOwner(handle: OciHandle, index: number): Promise<void> {
    const [before, now] = [handle.executors[index - 1]?.user, handle.executors[index]?.user];
    if (!before || !now || (before.uid === now.uid && before.gid === now.gid) || handle.trees[0] === '/')
      return;
    await warden.chownWorkspace(handle.slot, now.uid, now.gid);
    const { root, uid, gid } = await tree(handle);
    await keepTree(handle, {
      root,
      uid: uid - before.uid + now.uid,
      gid: gid - before.gid + now.gid,
    });
  }

  async function releaseAll(handle: OciHandle): Promise<void> {
    await Promise.allSettled(removals.get(handle.id) ?? []);
    removals.delete(handle.id);
    for (const index of handle.executors.keys()) await warden.remove(containerName(handle.id, index));
    await warden.closeDisk(handle.slot);
    for (const digest of pinned.get(handle.id) ?? []) images.release(digest);
    pinned.delete(handle.id);
    trees.delete(handle.id);
    slots.free(handle.slot);
  }
}

async function measureCapacity({ slots, reserved, diskFolder }: OciBackendOptions): Promise<Capacity> {
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

/** The first bytes as text; a character that is cut at the end is left out. */
async function head(path: string, bytes: number): Promise<string> {
  return new TextDecoder().decode(await part(path, 0, bytes), { stream: true });
}

async function part(path: string, offset: number, maxBytes: number): Promise<Uint8Array> {
  const file = await open(path, 'r').catch(() => undefined);
  if (!file) return new Uint8Array();
  try {
    const buffer = new Uint8Array(maxBytes);
    const { bytesRead } = await file.read(buffer, 0, maxBytes, offset);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

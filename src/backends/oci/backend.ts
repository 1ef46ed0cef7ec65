import { mkdir, readFile, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { BulkheadError } from '../../errors.ts';
import { enforcementProblem } from '../../policy/enforcement.ts';
import { executorSandbox } from '../../sandbox/executor.ts';
import type { Evidence } from '../../sandbox/sandbox.ts';
import type { LinkedInputs } from '../../warden/warden.ts';
import type { Attempt, Backend, ExecutorExit, ExecutorStart } from '../backend.ts';
import { attemptFolder, type AttemptFolder } from './attempt-folder.ts';
import { measureCapacity } from './capacity.ts';
import { explain } from './causes.ts';
import type { OciBackendOptions } from './config.ts';
import { executorRequest } from './executor-request.ts';
import { watchExits } from './exits.ts';
import { containerName, ociHandle, type OciHandle } from './handle.ts';
import { rememberImageFacts } from './image-facts.ts';
import { prepareImages, STAND_IN_ID } from './prepare.ts';
import { type LinkableInputs, NOTHING_LINKED } from './linkable-inputs.ts';
import { createSlots } from './slots.ts';
import type { TaskTree } from './task-tree.ts';
import { nestedFolders } from './trees.ts';
import { wantedOf } from './wanted.ts';

/** Of stderr, in which a tool says at last what ended it. */
const LAST_BYTES = 16_384;

/** Attempts as containers of an OCI runtime on this machine. All that needs privilege goes through the warden. */
export async function createOciBackend(options: OciBackendOptions): Promise<Backend> {
  const { warden, images, staging } = options;
  await mkdir(options.folder, { recursive: true, mode: 0o700 });
  const capacity = await measureCapacity(options);
  const slots = createSlots(capacity.slots);
  const exits = watchExits(warden.folders.exits);
  const facts = rememberImageFacts(options.unpacked);
  // Another one for each start of the kernel. Source: random(4).
  const boot = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
  /** Digests that this process holds for an attempt. */
  const pinned = new Map<string, Promise<readonly string[]>>();
  /** Ends that are being recorded, by container: several may wait for one. */
  const finishing = new Map<string, Promise<ExecutorExit>>();
  /** Containers that are being removed, by attempt. */
  const removals = new Map<string, Promise<void>[]>();
  /** Workspaces of attempts that this process opened, until their inputs come. */
  const opened = new Map<string, TaskTree>();
  /** Containers that this process started. */
  const begun = new Set<string>();
  /** Size of the disk that a slot was last used with, so that a ready one is taken. */
  const sizes = new Map<number, string>();

  /** Of attempts that aren't released, each once: its notes are read once. */
  const folders = new Map<string, AttemptFolder>();

  function folderOf({ id }: { readonly id: string }): AttemptFolder {
    const known = folders.get(id);
    if (known) return known;
    const folder = openFolder(id);
    if (!folder.released.read()) folders.set(id, folder);
    return folder;
  }

  function openFolder(id: string): AttemptFolder {
    return attemptFolder(join(options.folder, id), join(warden.folders.logs, id));
  }

  return {
    kind: 'oci',
    capacity: async () => capacity,
    prepare,

    async stageIn(given, attempt, signal) {
      const handle = ociHandle(given);
      await pin(handle);
      const { paths: linked, messages, links, linkedFolders } = await linkable(handle, attempt, signal);
      const made = await makeWorkspace(handle, { links, linkedFolders });
      const nested = nestedFolders(attempt.document, handle.trees);
      const told = await staging.stageIn(attempt, made, { linked, folders: nested }, signal);
      return [...messages, ...told];
    },

    async start(given, _attempt, index) {
      const handle = ociHandle(given);
      await pin(handle);
      await assertAlive(handle);
      const before = await started(handle, index);
      if (before) return before.evidence;
      // The shared root file system can be mounted for one container at a time.
      if (handle.trees[0] === '/') await settled(handle.id);
      return create(handle, index);
    },

    async started(given, index) {
      return started(ociHandle(given), index);
    },

    async wait(given, attempt, index) {
      const handle = ociHandle(given);
      const known = folderOf(handle).exited(index).read();
      if (known) return known;
      await assertHeld(handle);
      slots.claim(handle.slot);
      const container = containerName(handle.id, index);
      const start = await started(handle, index);
      if (!start) throw new BulkheadError('not-found', `executor ${index} was never started`);
      await assertPresent(handle);
      const finished = finishing.get(container) ?? finish(handle, attempt, index, start.at);
      finishing.set(container, finished);
      try {
        return await finished;
      } finally {
        finishing.delete(container);
      }
    },

    async stageOut(given, attempt, signal) {
      const handle = ociHandle(given);
      await pin(handle);
      if ((attempt.document.outputs ?? []).length === 0) return { outputs: [], messages: [], failures: [] };
      await warden.syncDisk({ attempt: handle.id });
      return staging.stageOut(attempt, await workspace(handle), signal);
    },

    async kill(given, reason) {
      const handle = ociHandle(given);
      const folder = folderOf(handle);
      // Whoever has lost its warden is about to end, and leaves what runs to the next: its faults are none of the task's.
      await warden.hasDisk({ attempt: handle.id });
      await folder.make();
      if (!folder.killed.read()) await folder.killed.write({ reason });
      await warden.kill({ attempt: handle.id });
    },

    async release(given) {
      await release(ociHandle(given));
    },

    async sweep(known) {
      // One that was released has no place any more, though a restored database may say that it runs.
      const handles = known.map(ociHandle).filter((handle) => !folderOf(handle).released.read());
      for (const { slot } of handles) slots.claim(slot);
      const ids = new Set(handles.map(({ id }) => id));
      for (const name of await readdir(options.folder)) {
        const folder = folderOf({ id: name });
        if (ids.has(name) || folder.released.read()) continue;
        // Whoever still holds its handle can do nothing with it any more.
        if (!folder.killed.read()) await folder.killed.write({ reason: 'system-error' });
        await folder.released.write({});
        folders.delete(name);
      }
      await warden.sweep({ attempts: [...ids] });
    },

    async readLog(given, index, stream, offset, maxBytes) {
      return openFolder(ociHandle(given).id).log(index, stream, offset, maxBytes);
    },

    async close() {
      exits.close();
      await Promise.allSettled([...removals.values()].flat());
    },
  };

  async function prepare(
    attempt: Attempt,
    progress: (message: string) => void,
    signal: AbortSignal,
  ): Promise<OciHandle> {
    const id = `${attempt.taskId}-${attempt.number}`;
    const { executors, trees, rootFiles, digests } = await prepareImages(
      options,
      facts,
      attempt,
      progress,
      signal,
    );
    const { diskBytes: bytes, diskInodes: inodes } = attempt.sandbox.limits;
    const size = `${bytes}/${inodes}`;
    const slot = slots.take([...sizes].filter(([, other]) => other === size).map(([ready]) => ready));
    const handle: OciHandle = { backend: 'oci', id, slot, boot, trees, rootFiles, executors };
    pinned.set(id, Promise.resolve(digests));
    try {
      await forgetEarlier(handle);
      await folderOf(handle).make();
      const made = await warden.openAttempt({
        attempt: id,
        slot,
        bytes,
        inodes,
        trees,
        rootFiles,
        executors: executors.map((_, index) => executorRequest(handle, attempt, index)),
        outputs: (attempt.document.outputs ?? []).map(wantedOf),
      });
      opened.set(id, made);
      sizes.set(slot, size);
      if (signal.aborted) throw new BulkheadError('canceled', 'the task was canceled while it was prepared');
      return handle;
    } catch (error) {
      await release(handle);
      throw error;
    }
  }

  /** Of the same name, and at its end: a try that failed, or an attempt that a restored database knows nothing of. */
  async function forgetEarlier(handle: OciHandle): Promise<void> {
    const folder = folderOf(handle);
    if (!folder.released.read()) return;
    await warden.forgetAttempts({ attempts: [handle.id] });
    await rm(folder.path, { recursive: true, force: true });
  }

  /** The note is written just before: what still waits for its start was never started. */
  async function started(handle: OciHandle, index: number): Promise<ExecutorStart | undefined> {
    const note = folderOf(handle).started(index).read();
    if (!note || begun.has(containerName(handle.id, index))) return note;
    return (await warden.awaitsStart({ attempt: handle.id, index })) ? undefined : note;
  }

  /** A container, read back, then its first instruction; nothing of it stays where that fails. */
  async function create(handle: OciHandle, index: number): Promise<Evidence> {
    const executor = { attempt: handle.id, index };
    const folder = folderOf(handle);
    const { evidence } = await warden.create(executor);
    try {
      const lacking = enforcementProblem(options.enforcement, evidence.unenforced);
      if (lacking !== undefined) throw new BulkheadError('evidence', `the task was not started: ${lacking}`);
      await folder.started(index).write({ at: options.now(), evidence });
      await assertAlive(handle);
      await warden.start(executor);
      begun.add(containerName(handle.id, index));
      return evidence;
    } catch (error) {
      await warden.remove(executor);
      await assertAlive(handle);
      throw error;
    }
  }

  async function finish(
    handle: OciHandle,
    attempt: Attempt,
    index: number,
    startedAt: number,
  ): Promise<ExecutorExit> {
    const folder = folderOf(handle);
    const container = containerName(handle.id, index);
    const executor = { attempt: handle.id, index };
    const exit = await exits.wait(container, () => warden.watchers(executor));
    const killed = folder.killed.read();
    const { executors, inputs = [] } = attempt.document;
    const sandbox = executorSandbox(attempt.sandbox, index);
    const [counters, stdout, stderr, lastWords] = await Promise.all([
      warden.counters(executor),
      exit.stdoutBytes === 0 ? '' : head(folder, index, 'stdout'),
      exit.stderrBytes === 0 ? '' : head(folder, index, 'stderr'),
      tail(folder, index, Math.min(exit.stderrBytes, sandbox.limits.logBytes)),
    ]);
    const uid = handle.executors[index]?.user.uid ?? 0;
    const explained = explain({
      exit,
      counters,
      killed: killed?.reason,
      command: executors[index]?.command[0] ?? '',
      sandbox,
      stderr,
      lastWords,
      uid,
      isStandIn: sandbox.privilege === 'nonroot' && uid === STAND_IN_ID,
      inputs: inputs.map(({ path }) => path),
    });
    const result = { ...explained, startedAt, endedAt: Math.max(exit.endedAt, startedAt), stdout };
    await folder.exited(index).write(result);
    // What the last one leaves goes with the attempt.
    if (index + 1 < handle.executors.length) {
      // Off the way to the next state; `release` waits for it.
      const removal = warden.remove(executor);
      removal.catch(() => {});
      removals.set(handle.id, [...(removals.get(handle.id) ?? []), removal]);
    }
    return result;
  }

  async function release(handle: OciHandle): Promise<void> {
    const folder = folderOf(handle);
    // Its slot may be another's by now.
    if (folder.released.read()) return;
    await settled(handle.id);
    await warden.closeAttempt({ attempt: handle.id });
    for (const digest of (await pinned.get(handle.id)) ?? []) images.release(digest);
    pinned.delete(handle.id);
    opened.delete(handle.id);
    for (const index of handle.executors.keys()) begun.delete(containerName(handle.id, index));
    await folder.make();
    await folder.released.write({});
    folders.delete(handle.id);
    slots.free(handle.slot);
  }

  /** After a restart, an image that a running attempt needs must not be collected. */
  async function pin(handle: OciHandle): Promise<void> {
    await assertAlive(handle);
    await assertPresent(handle);
    slots.claim(handle.slot);
    if (pinned.has(handle.id)) return void (await pinned.get(handle.id));
    const pinning = acquireAll(handle);
    pinned.set(handle.id, pinning);
    pinning.catch(() => pinned.delete(handle.id));
    await pinning;
  }

  async function acquireAll(handle: OciHandle): Promise<readonly string[]> {
    const digests: string[] = [];
    for (const { image } of handle.executors) {
      if (digests.includes(image.digest)) continue;
      await images.acquire(image, () => {}, new AbortController().signal);
      digests.push(image.digest);
    }
    return digests;
  }

  async function settled(id: string): Promise<void> {
    await Promise.allSettled(removals.get(id) ?? []);
    removals.delete(id);
  }

  async function makeWorkspace(handle: OciHandle, inputs: LinkedInputs): Promise<TaskTree> {
    const ready = inputs.links.length === 0 ? opened.get(handle.id) : undefined;
    // Once: another try begins with empty folders.
    opened.delete(handle.id);
    const made = ready ?? (await warden.makeWorkspace({ attempt: handle.id, ...inputs }));
    await folderOf(handle).workspace.write(made);
    return made;
  }

  async function workspace(handle: OciHandle): Promise<TaskTree> {
    const made = folderOf(handle).workspace.read();
    if (!made) throw new BulkheadError('internal', 'the inputs were not staged');
    return made;
  }

  /** Inputs that need no copy: not where an image has files of its own in a shared folder, as two overlays don't stack. */
  async function linkable(handle: OciHandle, attempt: Attempt, signal: AbortSignal): Promise<LinkableInputs> {
    if (!warden.abilities.linkedInputs || handle.trees[0] === '/') return NOTHING_LINKED;
    if ((handle.rootFiles ?? []).length > 0) return NOTHING_LINKED;
    if (handle.executors.some(({ merged }) => merged.length > 0)) return NOTHING_LINKED;
    return staging.links(attempt, signal);
  }

  /** What an attempt has on its disk and in memory doesn't outlive a restart of the host. */
  async function assertPresent(handle: OciHandle): Promise<void> {
    if (handle.boot !== undefined && handle.boot !== boot)
      throw new BulkheadError('attempt-lost', 'the host was restarted, and what ran on it is gone');
    if (
      pinned.has(handle.id) ||
      folderOf(handle).released.read() ||
      (await warden.hasDisk({ attempt: handle.id }))
    )
      return;
    throw new BulkheadError(
      'attempt-lost',
      "the host was restarted: the attempt's disk is no longer mounted, and what ran is gone",
    );
  }

  /** A database that was restored from a backup may name an attempt whose place and disk are another's by now. */
  async function assertHeld(handle: OciHandle): Promise<void> {
    if (folderOf(handle).released.read())
      throw new BulkheadError('runtime', 'the attempt has ended and was cleared away on this machine');
  }

  async function assertAlive(handle: OciHandle): Promise<void> {
    await assertHeld(handle);
    const killed = folderOf(handle).killed.read();
    if (killed)
      throw new BulkheadError(
        'canceled',
        `the attempt was ended (${killed.reason}) before this executor started`,
      );
  }

  /** The first bytes as text; a character that is cut at the end is left out. */
  async function head(folder: AttemptFolder, index: number, stream: 'stdout' | 'stderr'): Promise<string> {
    return new TextDecoder().decode(await folder.log(index, stream, 0, options.textBytes), { stream: true });
  }

  /** The last of what is stored of stderr, as far as `head` doesn't have it. */
  async function tail(folder: AttemptFolder, index: number, storedBytes: number): Promise<string> {
    if (storedBytes <= options.textBytes) return '';
    const from = Math.max(options.textBytes, storedBytes - LAST_BYTES);
    return new TextDecoder().decode(await folder.log(index, 'stderr', from, LAST_BYTES));
  }
}

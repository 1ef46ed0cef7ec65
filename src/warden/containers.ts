import { createHash } from 'node:crypto';
import { existsSync, lstatSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { constants } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { compile, type ExecutorSpec } from '../backends/oci/compile.ts';
import { BulkheadError, isBulkheadError } from '../errors.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import { demandConfined } from './apparmor.ts';
import { cgroupFolders, cgroupPaths } from './cgroups.ts';
import type { Disks } from './disks.ts';
import { observe } from './evidence/observe.ts';
import { type Hand, StepError } from './hand.ts';
import type { Lowers } from './lowers.ts';
import type { RunFolders } from './run-folders.ts';
import type { Runtime } from './runtime/runtime.ts';
import * as step from './steps.ts';
import { isWholeRoot, wholeRoot, workspaceFolder } from './workspace.ts';
import type { Created, SealedExecutor, Watchers } from './warden.ts';
import { isConmonAlive, isDrainAlive } from './watchers.ts';

/** One executor of a sealed attempt, at its place on this host. */
export interface CreateRequest extends SealedExecutor {
  readonly container: string;
  readonly slot: number;
  /** Position of the executor; its writable layer. */
  readonly index: number;
  readonly trees: readonly string[];
  readonly rootFiles: readonly string[];
}

export interface ContainerOptions {
  readonly hand: Hand;
  readonly run: RunFolders;
  readonly disks: Disks;
  readonly lowers: Lowers;
  readonly runtime: Runtime;
  readonly conmon: string;
  readonly init: string;
  /** Null where containers have no control group of their own. */
  readonly cgroupParent: string | null;
  readonly cgroupVersion: 1 | 2;
  /** Of AppArmor, for every container. */
  readonly appArmorProfile: string | undefined;
  readonly hardLimits: ExecutorSpec['hardLimits'];
  readonly idBase: (slot: number) => number;
  readonly idCount: number;
  /** The host folder for the bundle and logs of a container. */
  readonly folder: (container: string) => string;
  /** Group that may read what executors wrote to their streams. */
  readonly readers: number;
  /** Controls that this host can't enforce, by name. */
  readonly unenforced: readonly string[];
  /** Of each overlay, with a comma before. */
  readonly overlayOptions: string;
}

/** In the folder of a container: it was ended at its gate, and no other waits there yet. */
const NEVER_STARTED = 'never-started';

/** Conmon has no more to do than to write the exit code. */
const CONMON_TIMEOUT_MS = 10_000;
/** Only a host that swaps takes longer than a moment to execute an init. */
const BEGIN_TIMEOUT_MS = 10_000;
const CONMON_POLL_MS = 5;

export type Containers = ReturnType<typeof createContainers>;

/** Containers, each with conmon as the parent that outlives the server. */
export function createContainers(options: ContainerOptions) {
  const { hand, run, disks, lowers, runtime, appArmorProfile: profile } = options;
  const [program, ...runtimeArgs] = runtime.command;
  const mountPoint = (container: string): string => join(run.roots, container);
  const exitFiles = (container: string): string[] =>
    [container, `${container}.done`].map((name) => join(run.exits, name));

  /** Those that are being let go right now. */
  const starting = new Set<string>();
  /** Of open attempts, those that ended by themselves and were removed: nobody is left to make anything of them again. */
  const removed = new Set<string>();

  async function create(request: CreateRequest): Promise<Created> {
    const { container, slot, index } = request;
    const folder = options.folder(container);
    const idBase = options.idBase(slot);
    const whole = isWholeRoot(request.trees);
    const rootfs = whole ? wholeRoot(run, slot) : mountPoint(container);
    const workspace = workspaceFolder(disks, run, slot, request.trees);
    const shared = whole ? { steps: [], binds: [] } : bindTrees(request, workspace);
    const spec = compile({
      ...request.spec,
      id: container,
      rootfs,
      idBase,
      idCount: options.idCount,
      init: options.init,
      cgroupParent: options.cgroupParent,
      ...(profile === undefined ? {} : { appArmorProfile: profile }),
      hardLimits: options.hardLimits,
      binds: shared.binds,
    });
    const config = JSON.stringify(spec);
    const uid = idBase + request.spec.user.uid;
    const gid = idBase + request.spec.user.gid;
    const root = whole ? rootfs : workspace;
    const stdin = request.stdin === '' ? '' : join(disks.folder(slot), `stdin-${index}`);
    let pid: number;
    try {
      const answer = await hand.run(`container ${container}`, [
        // First of all: where it isn't, nothing of the container is.
        step.mkdir(folder, 0o750, 0, options.readers),
        ...(whole ? [step.umount(rootfs)] : []),
        ...rootSteps({ ...request, layer: whole ? 'ws' : `x${index}`, rootfs }),
        ...shared.steps,
        step.inside(rootfs, idBase, idBase, [
          ...request.folders.map(({ path, mode }) => step.mkpath(path, 0o755, mode)),
          ...request.files.map(({ path, content, append }) =>
            append ? step.append(path, content) : step.file(path, 0o644, content),
          ),
        ]),
        step.write(join(folder, 'config.json'), 0o600, 0, 0, config),
        ...(stdin === '' ? [] : [step.copyout(root, uid, gid, request.stdin, stdin)]),
        step.launch({
          folder,
          done: join(run.exits, `${container}.done`),
          logBytes: request.logBytes,
          readers: options.readers,
          root,
          uid,
          gid,
          stdin,
          stdout: request.stdout,
          stderr: request.stderr,
          conmon: conmonCommand(container, folder),
        }),
      ]);
      pid = Number(answer);
      await runtime.settle(container);
      // Not before: whoever is killed in the middle of this leaves one that was never started.
      rmSync(join(folder, NEVER_STARTED), { force: true });
    } catch (error) {
      throw creationFailure(error, index, await runtimeLog(folder));
    }
    const observed = observeLiving(
      pid,
      spec,
      options.cgroupParent === null
        ? undefined
        : cgroupPaths(options.cgroupVersion, options.cgroupParent, container),
    );
    if (profile !== undefined && runtime.waitsInInit) await demandConfined(pid, profile, BEGIN_TIMEOUT_MS);
    return {
      pid,
      evidence: {
        grade: 'observed',
        configSha256: createHash('sha256').update(config).digest('hex'),
        imageDigest: request.imageDigest,
        runtime: runtime.version,
        observed,
        unenforced: unenforcedOf(request.spec.sandbox),
      },
    };
  }

  /**
   * The task's shared places for one container. Where the image has files in such a folder (an output in /opt, say),
   * both show: the image's below, the task's above. They do so in the workspace itself, and until the next executor or
   * the end: a file of the image can be an executor's standard input, and an output.
   */
  function bindTrees(
    request: CreateRequest,
    workspace: string,
  ): { steps: step.Step[]; binds: ExecutorSpec['binds'] } {
    const { slot, index, trees, merged, imageDigest, rootFiles } = request;
    const lower = join('lowers', lowers.name(slot, imageDigest));
    // Nobody but the warden and who stages could make one there.
    const files = rootFiles.filter((file) =>
      lstatSync(join(workspace, file), { throwIfNoEntry: false })?.isFile(),
    );
    const steps = merged.flatMap((tree, at) => {
      const work = join('disks', String(slot), 't', `x${index}`, `o${at}`);
      const upper = `${join('disks', String(slot), 't', 'ws')}${tree}`;
      return [
        step.mkdir(join(run.root, work), 0o700, 0, 0),
        step.mount(
          'overlay',
          join(run.root, upper),
          'overlay',
          step.MS.nodev | step.MS.nosuid,
          `lowerdir=${lower}${tree},upperdir=${upper},workdir=${work}${options.overlayOptions}`,
        ),
      ];
    });
    const binds = [...trees, ...files].map((place) => ({
      source: join(workspace, place),
      destination: place,
    }));
    return { steps: [...unmergeSteps(request), ...steps], binds };
  }

  /** Files of the image no longer show in the shared folders. */
  function unmergeSteps({ slot, trees }: Pick<CreateRequest, 'slot' | 'trees'>): step.Step[] {
    return trees
      .filter((tree) => tree !== '/')
      .map((tree) => step.umount(join(disks.folder(slot), 'ws', tree)));
  }

  /** The writable layer over the image. Relative paths: absolute ones would show in the container's mountinfo. */
  function rootSteps(request: {
    slot: number;
    imageDigest: string;
    layer: string;
    rootfs: string;
    spec: { sandbox: Sandbox };
  }): step.Step[] {
    const { slot, imageDigest, layer, rootfs } = request;
    const idBase = options.idBase(slot);
    const onDisk = join(disks.folder(slot), layer);
    const nosuid = request.spec.sandbox.privilege === 'root-mapped' ? 0 : step.MS.nosuid;
    const relative = join('disks', String(slot), 't', layer);
    // A layer that is thrown away needs no sync at its unmounting; what the task shares between executors may be mounted
    // again, which the kernel refuses for a volatile one. Source: overlayfs.rst, "Volatile mount".
    const isThrownAway = layer !== 'ws';
    const incompatible = join(onDisk, 'w', 'work', 'incompat');
    return [
      // Of a container that was made and removed again before it started: no host crash lies between, since the disk would be new.
      ...(isThrownAway
        ? [
            step.unlink(join(incompatible, 'volatile', 'dirty')),
            step.rmdir(join(incompatible, 'volatile')),
            step.rmdir(incompatible),
          ]
        : []),
      step.mkdir(onDisk, 0o711, 0, 0),
      // Where the task has files in the root itself, whoever runs may make them, as in a temporary folder.
      step.mkdir(join(onDisk, 'u'), layer === 'ws' ? 0o1777 : 0o755, idBase, idBase),
      step.mkdir(join(onDisk, 'w'), 0o700, 0, 0),
      step.mkdir(rootfs, 0o711, 0, 0),
      step.chdir(run.root),
      step.mount(
        'overlay',
        rootfs,
        'overlay',
        step.MS.nodev | nosuid,
        `lowerdir=lowers/${lowers.name(slot, imageDigest)},upperdir=${relative}/u,workdir=${relative}/w${isThrownAway ? ',volatile' : ''}${options.overlayOptions}`,
      ),
    ];
  }

  /** Without a control group, processes are counted for each user: who may become another one has as many more. */
  function unenforcedOf({ privilege }: Sandbox): readonly string[] {
    if (options.cgroupParent !== null || privilege !== 'root-mapped') return options.unenforced;
    return [...options.unenforced, 'pids'];
  }

  /** A dead process doesn't tell whether it ever ran; from here on it is never started. */
  function markAtGate(container: string): void {
    const folder = options.folder(container);
    if (!starting.has(container) && existsSync(folder) && runtime.waitsAtGate(container))
      writeFileSync(join(folder, NEVER_STARTED), '', { mode: 0o600 });
  }

  async function watchers(container: string): Promise<Watchers> {
    const [ofExit, ofOutput] = await Promise.all([
      isConmonAlive(options.folder(container)),
      isDrainAlive(join(run.exits, `${container}.done`)),
    ]);
    return { ofExit, ofOutput };
  }

  /** Until then it may write the exit code, which would be taken for that of the next container of the name. */
  async function unwatched(container: string): Promise<void> {
    const deadline = Date.now() + CONMON_TIMEOUT_MS;
    while (await isConmonAlive(options.folder(container))) {
      if (Date.now() > deadline)
        throw new BulkheadError(
          'warden',
          `conmon of the dead container ${container} does not end within ${CONMON_TIMEOUT_MS} ms`,
        );
      await sleep(CONMON_POLL_MS);
    }
  }

  function conmonCommand(container: string, folder: string): string[] {
    const named: Record<string, string> = {
      'api-version': '1',
      cid: container,
      cuuid: container,
      bundle: folder,
      runtime: program,
      'container-pidfile': join(folder, 'pid'),
      'exit-dir': run.exits,
      'log-path': 'passthrough',
      'log-level': 'error',
    };
    const forRuntime = [...runtimeArgs, '--log', join(folder, 'runtime.log'), '--log-format', 'json'];
    return [
      options.conmon,
      ...Object.entries(named).flatMap(([name, value]) => [`--${name}`, value]),
      '--no-sync-log',
      // It stays the child of who stores the output, and forks once less.
      '--sync',
      ...forRuntime.flatMap((argument) => ['--runtime-arg', argument]),
    ];
  }

  function cgroupsOf(container: string): string[] {
    const { cgroupParent: parent, cgroupVersion: version } = options;
    return parent === null ? [] : cgroupFolders(version, `${parent}/${container}`);
  }

  /** Whether it ended by itself, and was removed as such. */
  async function remove(container: string): Promise<boolean> {
    const state = join(run.runtime, container);
    const mounts = [mountPoint(container)].filter(existsSync);
    // A request of the hand costs a process.
    const cgroups = cgroupsOf(container);
    const files = [state, ...exitFiles(container)];
    if (mounts.length === 0 && cgroups.length === 0 && !files.some(existsSync)) return false;
    const rest = [
      ...mounts.flatMap((path) => [step.umount(path), step.rmdir(path)]),
      ...exitFiles(container).map(step.unlink),
    ];
    const isDead = existsSync(join(run.exits, container));
    if (isDead && existsSync(state)) {
      try {
        // What the runtime's `delete` does for a dead container, without a process of its own for it.
        await hand.run(
          `removing ${container}`,
          step.brief([...cgroups.map(step.rmdir), ...runtime.forgetting(container), ...rest]),
        );
        return true;
      } catch {
        // Such as a cgroup that is busy for a moment: the runtime knows how to wait.
      }
    }
    markAtGate(container);
    const deletion = step.exec(program, [...runtimeArgs, 'delete', '--force', container]);
    // A runtime that was killed while it created knows nothing of the control groups that it made, nor of a process in them.
    const own = [...(existsSync(state) ? [deletion] : []), ...cgroups.map(step.vacate)];
    await hand.run(`ending ${container}`, own);
    await unwatched(container);
    await hand.run(`removing ${container}`, rest);
    return false;
  }

  return {
    create,
    /** For the shared root file system of a task that has files in `/`. */
    rootSteps,
    unmergeSteps,
    async start(container: string): Promise<void> {
      if (existsSync(join(options.folder(container), NEVER_STARTED)))
        throw new BulkheadError('warden', `the container ${container} was killed before it was started`);
      starting.add(container);
      try {
        await runtime.start(container);
        if (profile !== undefined && !runtime.waitsInInit)
          await demandConfined(
            Number(await readFile(join(options.folder(container), 'pid'), 'utf8')),
            profile,
            BEGIN_TIMEOUT_MS,
          );
      } finally {
        starting.delete(container);
      }
    },
    /** Something of it may run: the runtime knows it, and nobody saw its end. */
    isAlive: (container: string): boolean =>
      existsSync(join(run.runtime, container)) && !existsSync(join(run.exits, container)),
    hasBundle: (container: string): boolean => existsSync(join(options.folder(container), 'config.json')),
    /** Conmon is there, to write the exit code. */
    watchers,
    /** Also of one that was ended at its gate. */
    awaitsStart: (container: string): boolean =>
      existsSync(join(options.folder(container), NEVER_STARTED)) || runtime.waitsAtGate(container),
    async kill(container: string): Promise<void> {
      if (!existsSync(join(run.runtime, container))) return;
      markAtGate(container);
      try {
        await hand.run(`killing ${container}`, [
          step.exec(program, [...runtimeArgs, 'kill', container, 'KILL']),
        ]);
      } catch (error) {
        // Dead already, or never there: what was wanted.
        if (runtime.lives(container)) throw error;
      }
    },
    async remove(container: string): Promise<void> {
      if (await remove(container)) removed.add(container);
    },
    /** Before one of the name is made, and at the end of its attempt: nothing is looked for where nothing can be. */
    async clear(container: string): Promise<void> {
      if (!removed.delete(container) && existsSync(options.folder(container))) await remove(container);
    },
  };
}

/** A process that is gone isn't enforced otherwise than was asked for: it was ended. */
function observeLiving(...[pid, spec, paths]: Parameters<typeof observe>): ReturnType<typeof observe> {
  try {
    return observe(pid, spec, paths);
  } catch (error) {
    if (existsSync(`/proc/${pid}`)) throw error;
    throw new BulkheadError('warden', "the container's first process was ended before it was read back", {
      cause: error,
    });
  }
}

async function runtimeLog(folder: string): Promise<string> {
  return readFile(join(folder, 'runtime.log'), 'utf8').catch(() => '');
}

/** What may be wrong with a path that a task or an image chose. Source: errno(3). */
const { ENOENT, EACCES, EPERM, ENXIO, EEXIST, ENOTDIR, EISDIR, EINVAL, EROFS, ENAMETOOLONG, ELOOP } =
  constants.errno;
const PATH_FAULTS = new Set([
  ENOENT,
  EACCES,
  EPERM,
  ENXIO,
  EEXIST,
  ENOTDIR,
  EISDIR,
  EINVAL,
  EROFS,
  ENAMETOOLONG,
  ELOOP,
]);

/**
 * What the runtime said, rather than that conmon failed; and a path that can't be opened as what it is: no fault of this
 * host's, after which another attempt would be made.
 */
function creationFailure(error: unknown, index: number, log: string): unknown {
  if (!isBulkheadError(error) || error.code !== 'warden') return error;
  const { cause } = error;
  if (cause instanceof StepError && PATH_FAULTS.has(cause.errno)) {
    const what = { copyout: '', launch: '', inside: 'in the root file system of its image: ' }[cause.step];
    if (what !== undefined)
      return new BulkheadError('runtime', `executor ${index}: ${what}${cause.message.trim()}`, {
        cause: error,
      });
  }
  const said = [...log.matchAll(/"msg":"((?:[^"\\]|\\.)*)"/g)].at(-1)?.[1];
  return said === undefined
    ? error
    : new BulkheadError('runtime', `the container can't be created: ${said}`, { cause: error });
}

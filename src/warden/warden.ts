import type { ExecutorSpec } from '../backends/oci/compile.ts';
import type { Evidence, Sandbox } from '../sandbox/sandbox.ts';

/**
 * The only way to what needs privilege: mounts, id maps, cgroups, starting the runtime, reading back. A closed list,
 * each request typed and checked again here, so that it can move into a process of its own without a change.
 */
export interface Warden {
  readonly abilities: HostAbilities;
  /** An empty file system of that size for a slot. Throws `disk-full`. */
  openDisk(request: DiskRequest): Promise<void>;
  /** Back into the pool, or removed. Everything of the slot must be dead. */
  closeDisk(slot: number): Promise<void>;
  /** Whether a slot's disk is there: an attempt whose disk is gone was on a host that was restarted since. */
  hasDisk(slot: number): Promise<boolean>;
  /** An image as the containers of a slot will see it: a folder below the run folders, kept until `forgetImage`. */
  mapImage(slot: number, image: MappedImage): Promise<void>;
  /** Before an image is removed. */
  forgetImage(digest: string): Promise<void>;
  /** The task's shared folders, empty, owned by who runs the first executor; safe to repeat. */
  makeWorkspace(request: WorkspaceRequest): Promise<Workspace>;
  /** Gives all that is in the workspace to another user. */
  chownWorkspace(slot: number, uid: number, gid: number): Promise<void>;
  /** Throws `disk-full` or `warden` where a write to the task's disk was lost. */
  syncDisk(slot: number): Promise<void>;
  /** Root file system, container, evidence: all but the first instruction. Throws `runtime` and `evidence`. */
  create(request: CreateRequest): Promise<Created>;
  start(container: string): Promise<void>;
  /** Created, and not started yet: its first process still waits. False where it was let go and nobody had time to note it. */
  awaitsStart(container: string): boolean;
  /** Kills every process of the container; nothing where there is none. */
  kill(container: string): Promise<void>;
  /** What the kernel counted; to be asked before `remove`. */
  counters(container: string, slot: number): Promise<Counters>;
  /** Removes the container and its root file system. Safe to repeat. */
  remove(container: string): Promise<void>;
  /** The conmon of a container still lives, so that an exit code will come. */
  isWatched(folder: string): Promise<boolean>;
  /** Where exit codes and the drains' last words appear, by container. */
  readonly exits: string;
  /** Ends and removes every container, mount, disk and loop device of this instance that isn't named. */
  sweep(keep: { containers: readonly string[]; slots: readonly number[] }): Promise<void>;
  /** Unmounts and removes what no kept slot needs; what runs goes on. */
  close(options: { keep: readonly number[] }): Promise<void>;
}

export interface HostAbilities {
  /** Such as `runc 1.1.5`. */
  readonly runtime: string;
  /** Each slot has host ids of its own; where false, all share one range. */
  readonly idMappedMounts: boolean;
  /** `file://` inputs can appear without a copy. */
  readonly linkedInputs: boolean;
}

export interface DiskRequest {
  readonly slot: number;
  readonly bytes: number;
  readonly inodes: number;
}

export interface MappedImage {
  readonly digest: string;
  readonly rootfs: string;
  readonly idBase: number;
}

export interface WorkspaceRequest {
  readonly slot: number;
  /** Places in the container; `/` alone: the whole root file system is shared. */
  readonly trees: readonly string[];
  /** Of the first executor: ids inside. */
  readonly uid: number;
  readonly gid: number;
  readonly imageDigest: string;
  readonly sandbox: Sandbox;
  /** Inputs that appear without being copied; none where the host can't, or the whole root file system is shared. */
  readonly links: readonly LinkedInput[];
}

/** A regular file below a folder of the host that stands for an input. */
export interface LinkedInput {
  /** Absolute; the task may read all that is below it. */
  readonly root: string;
  /** Below it, `/` between parts, no symbolic link on the way. */
  readonly relative: string;
  /** In the container. */
  readonly path: string;
  readonly mode: number;
  readonly sizeBytes: number;
}

export interface Workspace {
  /** The host folder in which the shared folders stand at their places in the container. */
  readonly root: string;
  /** Host ids of the first executor's user. */
  readonly uid: number;
  readonly gid: number;
}

export interface CreateRequest {
  readonly container: string;
  readonly slot: number;
  /** Position of the executor; its writable layer. */
  readonly index: number;
  readonly imageDigest: string;
  /** The host folder for bundle and logs. */
  readonly folder: string;
  readonly trees: readonly string[];
  /** Of the trees, those at which the image has files that stay visible below the task's; of plain characters only. */
  readonly merged: readonly string[];
  /** What the runtime specification is compiled from, but for what the warden alone decides. */
  readonly spec: Omit<
    ExecutorSpec,
    'id' | 'rootfs' | 'idBase' | 'binds' | 'init' | 'cgroupParent' | 'hardLimits'
  >;
  /** Files put into the root file system before the first instruction. */
  readonly files: readonly SeedFile[];
  /** Folders that must be there, by mode of the last one. */
  readonly folders: readonly { readonly path: string; readonly mode: number }[];
  readonly logBytes: number;
  /** Paths in the workspace, or empty. Of stdin, a copy is handed over. */
  readonly stdin: string;
  readonly stdout: string;
  readonly stderr: string;
}

export interface SeedFile {
  readonly path: string;
  readonly content: string;
  /** Added to a file that is there. */
  readonly append?: boolean;
}

export interface Created {
  readonly pid: number;
  readonly evidence: Evidence;
}

export interface Counters {
  /** Processes killed for want of memory. */
  readonly oomKills: number;
  /** Forks refused by the limit. */
  readonly forksRefused: number;
  readonly diskFull: boolean;
  readonly inodesFull: boolean;
}

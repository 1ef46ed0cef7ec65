import type { ExecutorSpec } from '../backends/oci/compile.ts';
import type { Evidence } from '../sandbox/sandbox.ts';
import type { Wanted } from './confined-tree.ts';

/**
 * The only way to what needs privilege: mounts, id maps, cgroups, starting the runtime, reading back. A closed list of
 * requests, each plain data in and out, so that the warden can be a process of its own. An attempt is sealed when it is
 * opened: later requests name it and its executors, and say nothing of what is to be done.
 */
export interface Warden {
  readonly abilities: HostAbilities;
  readonly folders: WardenFolders;
  /**
   * A disk for the attempt, with the task's shared folders, empty. Throws `disk-full`, and `conflict` for a name or a slot
   * that was given away.
   */
  openAttempt(attempt: SealedAttempt): Promise<Workspace>;
  /** Its disk is there: a restart of the host takes it. */
  hasDisk(request: AttemptName): Promise<boolean>;
  /** The task's shared folders anew, with inputs that are there without a copy; safe to repeat until something has begun. */
  makeWorkspace(request: AttemptName & LinkedInputs): Promise<Workspace>;
  /** Throws `disk-full` or `warden` where a write to the task's disk was lost. */
  syncDisk(request: AttemptName): Promise<void>;
  /**
   * Root file system, container, evidence: all but the first instruction. What stays of an earlier try is removed first.
   * Throws `runtime` and `evidence`; then nothing of it stays.
   */
  create(request: ExecutorName): Promise<Created>;
  start(request: ExecutorName): Promise<void>;
  /** Created, and not started yet. */
  awaitsStart(request: ExecutorName): Promise<boolean>;
  /** Kills every process of the attempt; nothing where there is none. */
  kill(request: AttemptName): Promise<void>;
  /** What the kernel counted; to be asked before `remove`. */
  counters(request: ExecutorName): Promise<Counters>;
  /** Removes the container and its root file system. Safe to repeat. */
  remove(request: ExecutorName): Promise<void>;
  /** Who still lives of those that outlive the server to tell of a container's end. */
  watchers(request: ExecutorName): Promise<Watchers>;
  /** Removes all of it but the logs. Everything of it must be dead; nothing happens where it isn't open. */
  closeAttempt(request: AttemptName): Promise<void>;
  /** Removes the logs of attempts that aren't open. */
  forgetAttempts(request: { readonly attempts: readonly string[] }): Promise<void>;
  /** Ends and removes every container, mount, disk and loop device of this instance that no attempt named here has. */
  sweep(request: { readonly attempts: readonly string[] }): Promise<void>;
  /** Unmounts and removes what no open attempt needs; what runs goes on. */
  close(): Promise<void>;
}

export interface WardenFolders {
  /** Where exit codes and the drains' last words appear, by container: `ATTEMPT-INDEX`, `ATTEMPT-INDEX.done`. */
  readonly exits: string;
  /** `ATTEMPT/INDEX/stdout` and `stderr`. */
  readonly logs: string;
}

export interface AttemptName {
  readonly attempt: string;
}

export interface ExecutorName extends AttemptName {
  readonly index: number;
}

/** Everything that an attempt may ever do on this host. */
export interface SealedAttempt extends AttemptName {
  readonly slot: number;
  /** Size of its disk. */
  readonly bytes: number;
  readonly inodes: number;
  /** Places in the container that the executors share; `/` alone: the whole root file system is shared. */
  readonly trees: readonly string[];
  /** Files in the root itself that the executors share, where it isn't shared as a whole; absent: none. */
  readonly rootFiles?: readonly string[];
  readonly executors: readonly SealedExecutor[];
  /** What may be read of its workspace after its end. */
  readonly outputs: readonly Wanted[];
}

export interface SealedExecutor {
  readonly imageDigest: string;
  /** Of the trees, those at which the image has files that stay visible below the task's; of plain characters only. */
  readonly merged: readonly string[];
  /** What the runtime specification is compiled from, but for what the warden alone decides. */
  readonly spec: Omit<
    ExecutorSpec,
    | 'id'
    | 'rootfs'
    | 'idBase'
    | 'idCount'
    | 'binds'
    | 'init'
    | 'cgroupParent'
    | 'appArmorProfile'
    | 'hardLimits'
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

export interface HostAbilities {
  /** Such as `runc 1.1.5`. */
  readonly runtime: string;
  /** Each slot has host ids of its own; where false, all share one range. */
  readonly idMappedMounts: boolean;
  /** Controls that this host can't enforce, by name. */
  readonly unenforced: readonly string[];
  /** How AppArmor confines tasks, for people. */
  readonly appArmor: string;
  /** `file://` inputs can appear without a copy. */
  readonly linkedInputs: boolean;
}

/** What stands in the workspace from its beginning, without a copy. */
export interface LinkedInputs {
  readonly links: readonly LinkedInput[];
  /** Folders of inputs, each after the one that it is in. */
  readonly linkedFolders: readonly { readonly path: string; readonly mode: number }[];
}

/** A regular file below a folder of the host that stands for an input, or for a file of one. */
export interface LinkedInput {
  /** Absolute; the task may read all that is below it. */
  readonly root: string;
  /** Below it, `/` between parts, no symbolic link on the way. */
  readonly relative: string;
  /** In the container. */
  readonly path: string;
  readonly mode: number;
  readonly sizeBytes: number;
  /** Seconds since 1970. */
  readonly modifiedAt: number;
}

export interface Workspace {
  /** The host folder in which the shared folders stand at their places in the container. */
  readonly root: string;
  /** Host ids of the first executor's user. */
  readonly uid: number;
  readonly gid: number;
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

export interface Watchers {
  /** Conmon, so that an exit code will come. */
  readonly ofExit: boolean;
  /** The drain, which stores what the container wrote. */
  readonly ofOutput: boolean;
}

export interface Counters {
  /** Processes killed for want of memory. */
  readonly oomKills: number;
  /** Forks refused by the limit. */
  readonly forksRefused: number;
  readonly diskFull: boolean;
  readonly inodesFull: boolean;
}

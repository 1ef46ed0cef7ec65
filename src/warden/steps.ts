/**
 * The closed list of what the hand can be told. A step is its name and its arguments; the builders below are the
 * only way to make one, so that modes are octal, numbers whole and paths absolute.
 */
import { isAbsolute } from 'node:path';
import { BulkheadError } from '../errors.ts';
import { netstring } from './netstring.ts';

export type Step = readonly (string | Uint8Array)[];

/** Flags of mount(2). */
export const MS = { rdonly: 1, nosuid: 2, nodev: 4, noatime: 1024, bind: 4096 } as const;
/** Flags of umount2(2). */
export const MNT_DETACH = 2;
/** Attributes of mount_setattr(2). */
export const MOUNT_ATTR = { rdonly: 1, nosuid: 2, nodev: 4 } as const;

/**
 * Before steps that are done in less time than a process is made in: the hand does them itself, and only where something
 * is busy in a process that waits for it. All of them may be done again.
 */
export function brief(steps: readonly Step[]): Step[] {
  return [['brief'], ...steps];
}

export function mkdir(path: string, mode: number, uid: number, gid: number): Step {
  return ['mkdir', absolute(path), octal(mode), whole(uid), whole(gid)];
}

export function write(
  path: string,
  mode: number,
  uid: number,
  gid: number,
  bytes: string | Uint8Array,
): Step {
  return ['write', absolute(path), octal(mode), whole(uid), whole(gid), bytes];
}

/** A new file without blocks, whose data an overlay finds in a lower layer. */
export interface StandIn {
  readonly path: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly sizeBytes: number;
  /** Seconds since 1970. */
  readonly modifiedAt: number;
  /** Absolute within that layer. */
  readonly redirect: string;
}

export function standIn({ path, mode, uid, gid, sizeBytes, modifiedAt, redirect }: StandIn): Step {
  const owner = [whole(uid), whole(gid)];
  return [
    'standin',
    absolute(path),
    octal(mode),
    ...owner,
    whole(sizeBytes),
    whole(modifiedAt),
    absolute(redirect),
  ];
}

/** A file of that size whose blocks are reserved. */
export function allocate(path: string, mode: number, sizeBytes: number): Step {
  return ['allocate', absolute(path), octal(mode), whole(sizeBytes)];
}

export function rmdir(path: string): Step {
  return ['rmdir', absolute(path)];
}

/** Ends whatever is in a control group, and removes it. */
export function vacate(path: string): Step {
  return ['vacate', absolute(path)];
}

export function unlink(path: string): Step {
  return ['unlink', absolute(path)];
}

/** For the steps that follow in the same call. */
export function chdir(path: string): Step {
  return ['chdir', absolute(path)];
}

export function sync(path: string): Step {
  return ['sync', absolute(path)];
}

export function mount(source: string, target: string, type: string, flags: number, data: string): Step {
  return ['mount', source, absolute(target), type, whole(flags), data];
}

/** Where nothing is mounted, nothing happens. */
export function umount(target: string, flags = 0): Step {
  return ['umount', absolute(target), whole(flags)];
}

/** A bind mount on which `from`+n is shown as `to`+n. */
export function idmap(
  source: string,
  target: string,
  ids: { from: number; to: number; size: number },
  attributes: number,
): Step {
  return [
    'idmap',
    absolute(source),
    absolute(target),
    whole(ids.from),
    whole(ids.to),
    whole(ids.size),
    whole(attributes),
  ];
}

/** Runs a program of the host to its end; its output is the call's answer. */
export function exec(program: string, args: readonly (string | Uint8Array)[]): Step {
  return ['exec', absolute(program), ...args];
}

/** File steps from within a root folder as an unprivileged user. */
export function inside(root: string, uid: number, gid: number, steps: readonly Step[]): Step {
  return [
    'inside',
    absolute(root),
    whole(uid),
    whole(gid),
    ...steps.map((step) => Buffer.concat(step.map(netstring))),
  ];
}

/** Copies a regular file, found from within a root folder as an unprivileged user, to a new file of the host. */
export function copyout(root: string, uid: number, gid: number, path: string, target: string): Step {
  return ['copyout', absolute(root), whole(uid), whole(gid), absolute(path), absolute(target)];
}

/** Inside: each missing folder of a path. */
export function mkpath(path: string, mode: number, lastMode: number): Step {
  return ['mkpath', absolute(path), octal(mode), octal(lastMode)];
}

/** Inside: a file, in place of whatever is there. */
export function file(path: string, mode: number, bytes: string | Uint8Array): Step {
  return ['file', absolute(path), octal(mode), bytes];
}

/** Inside: more bytes for a file that is there; nothing where it isn't. */
export function append(path: string, bytes: string | Uint8Array): Step {
  return ['append', absolute(path), bytes];
}

/**
 * Lets the first process of a container of crun through its gate, and stops it where the kernel has executed the image's init and
 * it has not run one instruction. `start`, in clock ticks since the host started, tells it from another of the same id.
 */
export function hold(pid: number, start: number, fifo: string): Step {
  return ['hold', whole(pid), whole(start), absolute(fifo)];
}

export interface Launch {
  /** On the host: conmon's working folder, and where `stdout` and `stderr` go. */
  readonly folder: string;
  readonly done: string;
  readonly logBytes: number;
  /** Group that may read the logs. */
  readonly readers: number;
  /** Where the paths of `stdout` and `stderr` are opened, as which user. */
  readonly root: string;
  readonly uid: number;
  readonly gid: number;
  /** A file of the host, or empty. */
  readonly stdin: string;
  /** Paths inside `root`, or empty. */
  readonly stdout: string;
  readonly stderr: string;
  readonly conmon: readonly string[];
}

/** Must be the last step of a call. Its answer is the container's process id. */
export function launch(l: Launch): Step {
  return [
    'launch',
    absolute(l.folder),
    absolute(l.done),
    whole(l.logBytes),
    whole(l.readers),
    absolute(l.root),
    whole(l.uid),
    whole(l.gid),
    l.stdin,
    l.stdout,
    l.stderr,
    ...l.conmon,
  ];
}

function absolute(path: string): string {
  if (!isAbsolute(path) || path.includes('\0'))
    throw new BulkheadError('internal', `not an absolute path: ${JSON.stringify(path)}`);
  return path;
}

function whole(value: number): string {
  if (!Number.isSafeInteger(value) || value < 0)
    throw new BulkheadError('internal', `not a whole number: ${value}`);
  return String(value);
}

function octal(mode: number): string {
  return (mode & 0o7777).toString(8).padStart(4, '0');
}

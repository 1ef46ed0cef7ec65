import { execFile } from 'node:child_process';
import { access, constants, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { ExecutorSpec } from '../backends/oci/compile.ts';
import { BulkheadError } from '../errors.ts';
import type { Hand } from './hand.ts';
import { isInUserNamespace } from './host-ids.ts';
import type { RunFolders } from './run-folders.ts';
import * as step from './steps.ts';

export interface HostTools {
  readonly runtime: RuntimeProgram;
  readonly conmon: string;
  /** A static init, which becomes the first process of every container. */
  readonly init: string;
  readonly hardLimits: ExecutorSpec['hardLimits'];
}

export interface RuntimeProgram {
  /** What it calls itself, whatever its file is called. */
  readonly name: 'runc' | 'crun';
  readonly path: string;
  /** Such as `runc 1.1.5`. */
  readonly version: string;
}

const SEARCH = [
  '/usr/local/sbin',
  '/usr/local/bin',
  '/usr/sbin',
  '/usr/bin',
  '/sbin',
  '/bin',
  '/usr/libexec/podman',
];

/** Throws `host` naming what is missing and the Debian package that has it. */
export async function findHost(runtime: string): Promise<HostTools> {
  if (process.getuid?.() !== 0) {
    throw new BulkheadError(
      'host',
      'the oci backend needs root (uid 0) to make mounts, id maps and cgroups; start the server as root',
    );
  }
  const [program, conmon, init] = await Promise.all([
    runtimeProgram(runtime),
    find('conmon', 'conmon'),
    find('catatonit', 'catatonit'),
    // Of no use in a user namespace, where disks are folders.
    ...(isInUserNamespace() ? [] : [find('losetup', 'mount'), find('mke2fs', 'e2fsprogs')]),
  ]);
  return {
    runtime: program,
    conmon,
    init,
    hardLimits: hardLimits(await readFile('/proc/self/limits', 'utf8')),
  };
}

/** `auto`: runc, which needs no help to be read back, else crun. */
async function runtimeProgram(runtime: string): Promise<RuntimeProgram> {
  const path = runtime.startsWith('/')
    ? runtime
    : runtime === 'auto'
      ? ((await search('runc')) ?? (await search('crun')) ?? (await find('runc', 'runc')))
      : await find(runtime, runtime);
  const { stdout } = await promisify(execFile)(path, ['--version']).catch((error: unknown) => {
    throw new BulkheadError(
      'host',
      `backend.runtime: ${path} can't be run: ${error instanceof Error ? error.message : String(error)}`,
    );
  });
  const [, name, version = 'of unknown version'] = /^(runc|crun) version (\S+)/.exec(stdout) ?? [];
  if (name !== 'runc' && name !== 'crun')
    throw new BulkheadError(
      'host',
      `backend.runtime: ${path} says of itself ${JSON.stringify(stdout.slice(0, 60))}; only runc and crun can be driven`,
    );
  return { name, path, version: `${path.split('/').at(-1)} ${version}` };
}

/** The hard limits in /proc/PID/limits. Pure. */
function hardLimits(limits: string): ExecutorSpec['hardLimits'] {
  const hard = (name: string): number => {
    const value = new RegExp(`^${name}\\s+\\S+\\s+(\\S+)`, 'm').exec(limits)?.[1];
    const number = Number(value);
    return value === 'unlimited' || !Number.isSafeInteger(number) ? Number.MAX_SAFE_INTEGER : number;
  };
  return {
    openFiles: hard('Max open files'),
    memlockBytes: hard('Max locked memory'),
    fileSizeBytes: hard('Max file size'),
  };
}

/**
 * Whether what is in `images` can be shown under other ids. By trying there: kernel and file system both have a say, and
 * where the run-time folders are is another one (a tmpfs, which learned it in 6.3).
 */
export async function probeIdMappedMounts(
  hand: Hand,
  run: RunFolders,
  images: string,
  idBase: number,
): Promise<boolean> {
  const source = join(images, 'probe');
  const target = join(run.root, 'probe-mapped');
  try {
    await hand.run('trying id-mapped mounts', [
      step.mkdir(source, 0o711, 0, 0),
      step.mkdir(target, 0o711, 0, 0),
      step.idmap(source, target, { from: idBase, to: idBase + 65_536, size: 65_536 }, step.MOUNT_ATTR.nodev),
    ]);
    return true;
  } catch {
    return false;
  } finally {
    await hand.run('trying id-mapped mounts', [step.umount(target), step.rmdir(target), step.rmdir(source)]);
  }
}

async function find(program: string, debianPackage: string): Promise<string> {
  const path = await search(program);
  if (path !== undefined) return path;
  throw new BulkheadError(
    'host',
    `${program} is not on this host (looked in ${SEARCH.join(', ')}); on Debian: apt install ${debianPackage}`,
  );
}

async function search(program: string): Promise<string | undefined> {
  for (const folder of SEARCH) {
    const path = join(folder, program);
    const isThere = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isThere) return path;
  }
  return undefined;
}

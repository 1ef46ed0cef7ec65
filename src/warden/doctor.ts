import { mkdir, mkdtemp, readFile, rm, statfs, writeFile } from 'node:fs/promises';
import { availableParallelism, release, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { INIT_PATH } from '../backends/oci/compile.ts';
import { isBulkheadError } from '../errors.ts';
import type { Evidence, Sandbox } from '../sandbox/sandbox.ts';
import { cgroupVersion } from './cgroups.ts';
import type { HostCheck } from './host-check.ts';
import { type HostIds, isInUserNamespace, taskIds } from './host-ids.ts';
import { findHost } from './host.ts';
import { openLocalWarden } from './local-warden.ts';
import { rootlessChecks } from './rootless/checks.ts';
import type { SealedAttempt, Warden } from './warden.ts';

/** Of an image that is a folder and nothing in it; no registry has it. */
const EMPTY_IMAGE = `sha256:${'0'.repeat(64)}`;

/**
 * What this host can enforce, found out by doing it: a task disk is made, an image is id-mapped, and a container is
 * created, read back and started, in folders of their own that are removed again.
 */
export async function examineHost(options: {
  runFolder: string;
  idBase: number;
  runtime: string;
  appArmor: string;
}): Promise<HostCheck[]> {
  const isRootless = isInUserNamespace();
  const checks: HostCheck[] = [
    kernelCheck(),
    await toolsCheck(options.runtime),
    ...(isRootless ? [] : [await cgroupCheck()]),
  ];
  if (checks.some(({ status }) => status === 'fail')) return checks;
  const folder = await mkdtemp(join(tmpdir(), 'bulkhead-doctor-'));
  let warden: Warden | undefined;
  try {
    await writeEmptyImage(join(folder, 'roots'), taskIds(options.idBase));
    warden = await openLocalWarden({
      ...options,
      dataFolder: folder,
      diskFolder: join(folder, 'disks'),
      logFolder: join(folder, 'logs'),
      imageFolders: { roots: join(folder, 'roots'), work: join(folder, 'work') },
      poolSize: 0,
      readers: 0,
      siteRoots: [],
    });
    return [
      ...checks,
      ...(isRootless ? rootlessChecks(warden.abilities) : []),
      ...abilityChecks(warden, isRootless),
      ...(await sandboxChecks(warden)),
      ...(await sizeChecks(folder)),
    ];
  } catch (error) {
    return [...checks, failure('warden', 'privileged helper', error, 'run as root on Linux 5.14 or newer')];
  } finally {
    await warden?.close();
    await rm(folder, { recursive: true, force: true });
  }
}

function kernelCheck(): HostCheck {
  const [major = 0, minor = 0] = release().split('.').map(Number);
  const isNew = major > 5 || (major === 5 && minor >= 14);
  const base = { id: 'kernel', title: 'kernel', found: `${release()} ${process.arch}` };
  if (process.arch !== 'x64')
    return {
      ...base,
      status: 'fail',
      remedy: 'only x86_64 has a table of system calls here; use such a machine',
    };
  return isNew
    ? { ...base, status: 'ok' }
    : { ...base, status: 'warn', remedy: 'Linux 5.14 or newer is what this was built for' };
}

async function toolsCheck(runtime: string): Promise<HostCheck> {
  try {
    const host = await findHost(runtime);
    return {
      id: 'tools',
      title: 'runtime, conmon, init',
      status: 'ok',
      found: `${host.runtime.version}, ${host.conmon}, ${host.init}`,
    };
  } catch (error) {
    return failure(
      'tools',
      'runtime, conmon, init',
      error,
      'on Debian: npm run setup, or apt install runc conmon catatonit e2fsprogs mount',
    );
  }
}

async function cgroupCheck(): Promise<HostCheck> {
  const version = cgroupVersion();
  const wanted = ['memory', 'pids', 'cpu'];
  const has =
    version === 2
      ? (await readFile('/sys/fs/cgroup/cgroup.controllers', 'utf8')).trim().split(' ')
      : (await readFile('/proc/self/cgroup', 'utf8'))
          .split('\n')
          .flatMap((line) => line.split(':')[1]?.split(',') ?? []);
  const missing = wanted.filter((controller) => !has.includes(controller));
  const base = { id: 'cgroup', title: 'limits of cpu, memory and processes', found: `cgroup v${version}` };
  if (missing.length === 0) return { ...base, status: 'ok' };
  return {
    ...base,
    status: 'fail',
    found: `${base.found} without ${missing.join(', ')}`,
    remedy: `enable the controllers ${missing.join(', ')} (kernel command line, or delegation by systemd)`,
  };
}

function abilityChecks({ abilities }: Warden, isRootless: boolean): HostCheck[] {
  const { idMappedMounts, linkedInputs, unenforced, appArmor } = abilities;
  const profile = { id: 'apparmor', title: 'AppArmor profile', found: appArmor };
  return [
    unenforced.includes('apparmor')
      ? {
          ...profile,
          status: 'warn',
          remedy: 'apt install apparmor, or load a profile and name it in backend.apparmor',
        }
      : { ...profile, status: 'ok' },
    idMappedMounts
      ? { id: 'id-range', title: 'host ids for each task', status: 'ok', found: 'id-mapped mounts work' }
      : {
          id: 'id-range',
          title: 'host ids for each task',
          status: 'warn',
          found: 'no id-mapped mounts: all tasks share one range',
          remedy: isRootless
            ? 'start as root'
            : 'a kernel from 5.19, and an image store on ext4, xfs or btrfs',
        },
    linkedInputs
      ? { id: 'inputs', title: 'file:// inputs', status: 'ok', found: 'appear without a copy' }
      : {
          id: 'inputs',
          title: 'file:// inputs',
          status: 'warn',
          found: 'are copied',
          remedy: isRootless ? 'start as root' : 'a kernel from 6.5 shows them by a data-only overlay',
        },
  ];
}

const PROBE: Sandbox = {
  profile: 'standard',
  isolation: 'userns',
  privilege: 'root-capless',
  network: 'none',
  rootfs: 'ephemeral',
  compat: [],
  limits: {
    cpuCores: 0.5,
    memoryBytes: 64 * 2 ** 20,
    diskBytes: 16 * 2 ** 20,
    diskInodes: 1024,
    pids: 16,
    openFiles: 64,
    logBytes: 4096,
    wallTimeMs: null,
    queueTimeMs: null,
  },
};

async function sandboxChecks(warden: Warden): Promise<HostCheck[]> {
  const attempt = 'doctor-1';
  const executor = { attempt, index: 0 };
  const checks: HostCheck[] = [];
  try {
    await warden.openAttempt(emptyAttempt(attempt));
    if (!isInUserNamespace()) {
      checks.push({
        id: 'disk',
        title: 'disk limit',
        status: 'ok',
        found: 'preallocated ext4 on a loop device',
      });
    }
    await warden.makeWorkspace({ attempt, links: [], linkedFolders: [] });
    const { evidence } = await warden.create(executor);
    await warden.start(executor);
    checks.push({
      id: 'sandbox',
      title: 'a container as tasks get it',
      status: 'ok',
      found: summary(evidence),
    });
  } catch (error) {
    checks.push(failure('sandbox', 'a container as tasks get it', error, 'see docs/host-setup.md'));
  } finally {
    await warden.closeAttempt({ attempt });
  }
  return checks;
}

/** As the warden keeps images. */
async function writeEmptyImage(roots: string, { base: idBase, map: idMap }: HostIds): Promise<void> {
  const place = join(roots, EMPTY_IMAGE.slice('sha256:'.length));
  await mkdir(join(place, 'rootfs'), { recursive: true });
  await writeFile(
    join(place, 'image.json'),
    JSON.stringify({ digest: EMPTY_IMAGE, sizeBytes: 0, idBase, idMap }),
  );
}

/** The init alone, in an image without a file. */
function emptyAttempt(attempt: string): SealedAttempt {
  const { diskBytes: bytes, diskInodes: inodes, logBytes } = PROBE.limits;
  const user = { uid: 0, gid: 0, additionalGids: [] };
  const command = [INIT_PATH, '--version'];
  const spec = { sandbox: PROBE, user, command, env: [], cwd: '/', hostname: 'doctor' };
  const streams = { logBytes, stdin: '', stdout: '', stderr: '' };
  const executor = { imageDigest: EMPTY_IMAGE, merged: [], spec, files: [], folders: [], ...streams };
  return { attempt, slot: 0, bytes, inodes, trees: [], executors: [executor], outputs: [] };
}

function summary({ runtime, grade, observed }: Evidence): string {
  return `${runtime}: ${grade} ${Object.keys(observed).length} controls before the first instruction`;
}

async function sizeChecks(folder: string): Promise<HostCheck[]> {
  const disk = await statfs(folder);
  return [
    {
      id: 'size',
      title: 'room for tasks',
      status: 'ok',
      found: `${availableParallelism()} cores, ${gib(totalmem())} memory, ${gib(disk.bavail * disk.bsize)} free on the disk of ${tmpdir()}`,
    },
  ];
}

function gib(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}

function failure(id: string, title: string, error: unknown, remedy: string): HostCheck {
  return {
    id,
    title,
    status: 'fail',
    found: isBulkheadError(error) || error instanceof Error ? error.message : String(error),
    remedy,
  };
}

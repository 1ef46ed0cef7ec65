import { BulkheadError } from '../../errors.ts';
import type { Isolation, NetworkMode, Sandbox } from '../../sandbox/sandbox.ts';
import { seccompProfile, type SeccompProfile } from './seccomp.ts';

/** Everything that the runtime specification of one executor depends on; nothing is looked up. */
export interface ExecutorSpec {
  readonly sandbox: Sandbox;
  /** Name of the container, also its cgroup's. */
  readonly id: string;
  /** Absolute path on the host; the root file system with its writable layer. */
  readonly rootfs: string;
  /** First of the host ids that the container's ids are mapped to. */
  readonly idBase: number;
  /** How many: 65,536 where the host has them. */
  readonly idCount: number;
  readonly user: { readonly uid: number; readonly gid: number; readonly additionalGids: readonly number[] };
  readonly command: readonly string[];
  /** `NAME=value`. */
  readonly env: readonly string[];
  readonly cwd: string;
  readonly hostname: string;
  /** Folders of the task's disk at their places in the container. */
  readonly binds: readonly { readonly source: string; readonly destination: string }[];
  /** The static init on the host, bound to `INIT_PATH`. */
  readonly init: string;
  /** Null where the host lets the warden make no control groups. */
  readonly cgroupParent: string | null;
  /** An AppArmor profile that the host has loaded; absent: none. */
  readonly appArmorProfile?: string;
  /** The server's own hard limits; asking for more fails without CAP_SYS_RESOURCE. */
  readonly hardLimits: {
    readonly openFiles: number;
    readonly memlockBytes: number;
    readonly fileSizeBytes: number;
  };
}

/** Where the init is found inside; the folder is not part of any image. */
export const INIT_PATH = '/.bulkhead-init';

/** What this makes of the vocabulary; the rest is refused. A user namespace there is always, also where less was asked for. */
export const OCI_ABILITIES = {
  isolations: ['userns', 'namespace'],
  networks: ['none'],
} as const satisfies { readonly isolations: readonly Isolation[]; readonly networks: readonly NetworkMode[] };
const { isolations: MADE_HERE }: { readonly isolations: readonly Isolation[] } = OCI_ABILITIES;
const NETWORKS_HERE: readonly NetworkMode[] = OCI_ABILITIES.networks;

/**
 * A sandbox as an OCI runtime specification: pure, so that golden tests show every field, and so that one can be
 * printed for a task that never runs. Throws `runtime` for isolation that is stronger than what this makes, so that none
 * is weakened silently, and for a network that it doesn't make. Source: OCI runtime specification 1.0.2, config.md and config-linux.md.
 */
export function compile(spec: ExecutorSpec): RuntimeSpec {
  const { sandbox } = spec;
  if (!MADE_HERE.includes(sandbox.isolation))
    throw new BulkheadError(
      'runtime',
      `the sandbox's isolation is ${sandbox.isolation}, and this backend makes ${MADE_HERE.join(' and ')} only`,
    );
  if (!NETWORKS_HERE.includes(sandbox.network))
    throw new BulkheadError(
      'runtime',
      `the sandbox's network is ${sandbox.network}, and this backend makes ${NETWORKS_HERE.join(' and ')} only`,
    );
  const capabilities = sandbox.privilege === 'root-mapped' ? ROOT_MAPPED_CAPABILITIES : [];
  return {
    ociVersion: '1.0.2',
    process: {
      terminal: false,
      user: {
        uid: spec.user.uid,
        gid: spec.user.gid,
        umask: 0o022,
        additionalGids: spec.user.additionalGids,
      },
      args: [INIT_PATH, '--', ...spec.command],
      env: spec.env,
      cwd: spec.cwd,
      capabilities: {
        bounding: capabilities,
        effective: capabilities,
        permitted: capabilities,
        inheritable: [],
        ambient: [],
      },
      noNewPrivileges: sandbox.privilege !== 'root-mapped',
      rlimits: rlimits(spec),
      oomScoreAdj: 500,
      ...(spec.appArmorProfile === undefined ? {} : { apparmorProfile: spec.appArmorProfile }),
    },
    root: { path: spec.rootfs, readonly: sandbox.rootfs === 'readonly' },
    hostname: spec.hostname,
    mounts: mounts(spec),
    annotations: { 'org.bulkhead.container': spec.id },
    linux: {
      namespaces: ['pid', 'network', 'ipc', 'uts', 'mount', 'user', 'cgroup'].map((type) => ({ type })),
      uidMappings: [{ containerID: 0, hostID: spec.idBase, size: spec.idCount }],
      gidMappings: [{ containerID: 0, hostID: spec.idBase, size: spec.idCount }],
      cgroupsPath: spec.cgroupParent === null ? '' : `${spec.cgroupParent}/${spec.id}`,
      ...(spec.cgroupParent === null ? {} : { resources: resources(sandbox) }),
      sysctl: { 'net.ipv4.ip_unprivileged_port_start': '0' },
      seccomp: seccompProfile(sandbox.compat),
      rootfsPropagation: 'private',
      maskedPaths: MASKED_PATHS,
      readonlyPaths: READONLY_PATHS,
    },
  };
}

/** What apt, chown and su need, inside a user namespace where uid 0 is not uid 0 outside (design, "The sandbox"). */
export const ROOT_MAPPED_CAPABILITIES = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_FOWNER',
  'CAP_FSETID',
  'CAP_KILL',
  'CAP_SETFCAP',
  'CAP_SETGID',
  'CAP_SETUID',
  'CAP_SYS_CHROOT',
] as const;

/** The lists of Moby's `oci/defaults.go` (2026): host facts, timers and firmware that a container has no use for. */
const MASKED_PATHS = [
  '/proc/acpi',
  '/proc/asound',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/scsi',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/sys/devices/virtual/powercap',
  '/sys/firmware',
] as const;

const READONLY_PATHS = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'] as const;

function mounts(spec: ExecutorSpec): Mount[] {
  return [
    { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
    {
      destination: '/dev',
      type: 'tmpfs',
      source: 'tmpfs',
      options: ['nosuid', 'noexec', 'strictatime', 'mode=755', 'size=64k'],
    },
    {
      destination: '/dev/pts',
      type: 'devpts',
      source: 'devpts',
      options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
    },
    // Charged to the memory limit as it fills.
    {
      destination: '/dev/shm',
      type: 'tmpfs',
      source: 'shm',
      options: [
        'nosuid',
        'noexec',
        'nodev',
        'mode=1777',
        `size=${Math.floor(spec.sandbox.limits.memoryBytes)}`,
      ],
    },
    { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: ['nosuid', 'noexec', 'nodev'] },
    { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', 'ro'] },
    // Without one of its own it would show the server's.
    ...(spec.cgroupParent === null ? [] : [CGROUP_MOUNT]),
    { destination: INIT_PATH, type: 'bind', source: spec.init, options: ['bind', 'ro', 'nosuid', 'nodev'] },
    // Task disks are mounted nosuid, which a user namespace can't take away: a bind without it fails.
    ...spec.binds.map(({ source, destination }) => ({
      destination,
      type: 'bind',
      source,
      options: ['bind', 'rw', 'nodev', 'nosuid'],
    })),
  ];
}

const CGROUP_MOUNT: Mount = {
  destination: '/sys/fs/cgroup',
  type: 'cgroup',
  source: 'cgroup',
  options: ['nosuid', 'noexec', 'nodev', 'relatime', 'ro'],
};

function rlimits({ sandbox: { limits }, hardLimits, cgroupParent }: ExecutorSpec): Rlimit[] {
  return [
    // Counted for each user of each user namespace (Linux 5.14): a container's neighbours are not in it.
    ...(cgroupParent === null ? [bounded('RLIMIT_NPROC', limits.pids + 1)] : []),
    bounded('RLIMIT_NOFILE', Math.min(limits.openFiles, hardLimits.openFiles)),
    bounded('RLIMIT_CORE', 0),
    bounded('RLIMIT_MEMLOCK', Math.min(limits.memoryBytes, hardLimits.memlockBytes)),
    bounded('RLIMIT_FSIZE', Math.min(largestFileBytes(limits), hardLimits.fileSizeBytes)),
  ];
}

function bounded(type: string, value: number): Rlimit {
  return { type, hard: value, soft: value };
}

/**
 * Bounds sparse files. More than the disk holds, whose file system is a little larger than what was asked: a tool that
 * fills it must read ENOSPC and can say so, rather than be ended by SIGXFSZ.
 */
function largestFileBytes({ diskBytes, diskInodes }: Sandbox['limits']): number {
  return diskBytes + diskInodes * 256 + 64 * 2 ** 20;
}

const CPU_PERIOD_MICROSECONDS = 100_000;

function resources({ limits }: Sandbox): Resources {
  return {
    devices: [{ allow: false, access: 'rwm' }],
    // Equal limits leave no swap.
    memory: { limit: limits.memoryBytes, swap: limits.memoryBytes },
    cpu: {
      period: CPU_PERIOD_MICROSECONDS,
      quota: Math.max(1000, Math.round(limits.cpuCores * CPU_PERIOD_MICROSECONDS)),
      shares: Math.max(2, Math.round(limits.cpuCores * 1024)),
    },
    // catatonit is one of them.
    pids: { limit: limits.pids + 1 },
  };
}

export interface RuntimeSpec {
  readonly ociVersion: string;
  readonly process: {
    readonly terminal: boolean;
    readonly user: {
      readonly uid: number;
      readonly gid: number;
      readonly umask: number;
      readonly additionalGids: readonly number[];
    };
    readonly args: readonly string[];
    readonly env: readonly string[];
    readonly cwd: string;
    readonly capabilities: Readonly<
      Record<'bounding' | 'effective' | 'permitted' | 'inheritable' | 'ambient', readonly string[]>
    >;
    readonly noNewPrivileges: boolean;
    readonly rlimits: readonly Rlimit[];
    readonly oomScoreAdj: number;
    readonly apparmorProfile?: string;
  };
  readonly root: { readonly path: string; readonly readonly: boolean };
  readonly hostname: string;
  readonly mounts: readonly Mount[];
  readonly annotations: Readonly<Record<string, string>>;
  readonly linux: {
    readonly namespaces: readonly { readonly type: string }[];
    readonly uidMappings: readonly IdMapping[];
    readonly gidMappings: readonly IdMapping[];
    /** Empty: none of its own, and then no `resources`. */
    readonly cgroupsPath: string;
    readonly resources?: Resources;
    readonly sysctl: Readonly<Record<string, string>>;
    readonly seccomp: SeccompProfile;
    readonly rootfsPropagation: string;
    readonly maskedPaths: readonly string[];
    readonly readonlyPaths: readonly string[];
  };
}

interface Mount {
  readonly destination: string;
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
}

interface Rlimit {
  readonly type: string;
  readonly hard: number;
  readonly soft: number;
}

interface IdMapping {
  readonly containerID: number;
  readonly hostID: number;
  readonly size: number;
}

interface Resources {
  readonly devices: readonly { readonly allow: boolean; readonly access: string }[];
  readonly memory: { readonly limit: number; readonly swap: number };
  readonly cpu: { readonly period: number; readonly quota: number; readonly shares: number };
  readonly pids: { readonly limit: number };
}

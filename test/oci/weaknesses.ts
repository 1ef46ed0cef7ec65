/** What a runtime could forget or get wrong, and by which control's name the evidence tells. */
import type { RuntimeSpec } from '../../src/backends/oci/compile.ts';
import type { Job } from './run.ts';
import {
  allowingNewPrivileges,
  inHostNetwork,
  withCapabilities,
  withoutMaskedPaths,
  withoutReadonlyPaths,
  withoutSeccomp,
  withoutUserNamespace,
} from './weakenings.ts';

export interface Weakness {
  readonly name: string;
  /** Names of controls, each of which must be told. */
  readonly told: readonly string[];
  readonly weaken: (spec: RuntimeSpec) => object;
  /** A task in which it matters. */
  readonly job?: Partial<Job>;
}

/** A group in the place of the container's own. */
export const OTHER_CGROUP = '/bulkhead-other-control-group';

const CAPABILITY_SETS = ['bounding', 'effective', 'permitted', 'inheritable', 'ambient'] as const;

/** Found out only once the init has begun, and only where the kernel has AppArmor. */
export const WITHOUT_APPARMOR: Weakness = {
  name: 'the AppArmor profile is forgotten',
  told: ['apparmor is unconfined'],
  weaken: process(() => ({ apparmorProfile: undefined })),
};

export const WEAKNESSES: readonly Weakness[] = [
  { name: 'new privileges are allowed', told: ['no_new_privileges is 0'], weaken: allowingNewPrivileges },
  {
    name: 'the system call filter is dropped',
    told: ['seccomp is 0', 'seccomp_filters is 0'],
    weaken: withoutSeccomp,
  },
  {
    name: 'a capability is added',
    told: CAPABILITY_SETS.map((set) => `capabilities_${set} is 0000000000200000`),
    weaken: withCapabilities('CAP_SYS_ADMIN'),
  },
  {
    name: 'a capability is added to the bounding set alone',
    told: ['capabilities_bounding is 0000000000000080'],
    weaken: process((own) => ({
      capabilities: { ...own.capabilities, bounding: ['CAP_SETUID'] },
    })),
  },
  {
    name: 'uid 0 inside is uid 0 outside',
    told: ['namespace_user is shared', 'uid_map is', 'gid_map is', 'uid is 0 0 0 0', 'gid is 0 0 0 0'],
    weaken: withoutUserNamespace,
  },
  {
    name: 'ids of another task are mapped too',
    told: ['uid_map is', 'gid_map is'],
    weaken: linux((own) => ({
      uidMappings: own.uidMappings.map((map) => ({ ...map, size: map.size * 2 })),
      gidMappings: own.gidMappings.map((map) => ({ ...map, size: map.size * 2 })),
    })),
  },
  {
    name: 'the network namespace of this host is shared',
    told: ['namespace_net is shared'],
    weaken: inHostNetwork,
  },
  ...['pid', 'ipc', 'uts', 'cgroup'].map((type): Weakness => ({
    name: `the ${type} namespace of this host is shared`,
    told: [`namespace_${type} is shared`],
    weaken: (spec) => inHostNamespace(spec, type),
  })),
  {
    name: 'the image’s user is forgotten',
    told: ['uid is', 'gid is'],
    weaken: process((own) => ({ user: { ...own.user, uid: 0, gid: 0 } })),
    job: { image: 'box:user' },
  },
  {
    name: 'a group is added',
    told: ['groups is'],
    weaken: process((own) => ({ user: { ...own.user, additionalGids: [42] } })),
  },
  {
    name: 'resource limits are forgotten',
    told: ['rlimit_nofile is', 'rlimit_core is', 'rlimit_fsize is'],
    weaken: process(() => ({ rlimits: [] })),
  },
  {
    name: 'more memory may be locked than the task has',
    told: ['rlimit_memlock is'],
    weaken: process((own) => ({
      rlimits: own.rlimits.filter(({ type }) => type !== 'RLIMIT_MEMLOCK'),
    })),
    // Less than the limit that this host hands down.
    job: { limits: { memoryBytes: 2 ** 22 } },
  },
  {
    name: 'the kernel is told to spare it when memory is short',
    told: ['oom_score_adjustment is 0'],
    weaken: process(() => ({ oomScoreAdj: 0 })),
  },
  {
    name: 'the memory limit is forgotten',
    told: ['memory_limit_bytes is', 'memory_and_swap_limit_bytes is'],
    weaken: resources(() => ({ memory: undefined })),
  },
  {
    name: 'swap is allowed',
    told: ['memory_and_swap_limit_bytes is'],
    weaken: resources((own) => ({ memory: { ...own.memory, swap: own.memory.swap * 2 } })),
  },
  {
    name: 'the limit of processes is forgotten',
    told: ['pids_limit is max'],
    weaken: resources(() => ({ pids: undefined })),
  },
  {
    name: 'the share of the processor is forgotten',
    told: ['cpu_quota is'],
    weaken: resources(() => ({ cpu: undefined })),
  },
  {
    name: 'the share of the processor is of a shorter period',
    told: ['cpu_period is'],
    weaken: resources((own) => ({ cpu: { ...own.cpu, period: own.cpu.period / 2 } })),
  },
  {
    name: 'it is in another control group',
    told: ['memory_limit_bytes is unreadable', 'cgroup'],
    weaken: linux(() => ({ cgroupsPath: `${OTHER_CGROUP}/container` })),
  },
  {
    name: 'a folder of this host is mounted',
    told: ['mount_others is', 'at /host'],
    weaken: (spec) => ({
      ...spec,
      mounts: [
        ...spec.mounts,
        { destination: '/host', type: 'bind', source: '/etc', options: ['bind', 'ro', 'nosuid', 'nodev'] },
      ],
    }),
  },
  ...['/proc', '/dev/shm'].map((place): Weakness => ({
    name: `${place} is that of this host`,
    told: ['mount_others is', `at ${place}`],
    weaken: (spec) => ({
      ...spec,
      mounts: spec.mounts.map((mount) =>
        mount.destination === place
          ? { ...mount, type: 'bind', source: place, options: ['rbind', 'nosuid', 'nodev', 'noexec'] }
          : mount,
      ),
    }),
  })),
  {
    name: 'the root file system is writable',
    told: ['mount_root is overlay rw'],
    weaken: (spec) => ({ ...spec, root: { ...spec.root, readonly: false } }),
    job: { sandbox: { rootfs: 'readonly' } },
  },
  {
    name: 'the root file system is a folder of the task’s disk',
    told: ['mount_root is another file system'],
    weaken: (spec) => ({
      ...spec,
      root: {
        ...spec.root,
        path: spec.mounts.find(({ source }) => source.includes('/disks/'))?.source ?? '',
      },
    }),
    job: { volumes: ['/shared'] },
  },
  {
    name: 'a folder of the task is left out',
    told: ['mount_task_folders is /shared missing'],
    weaken: (spec) => ({
      ...spec,
      mounts: spec.mounts.filter(({ destination }) => destination !== '/shared'),
    }),
    job: { volumes: ['/shared'] },
  },
  {
    name: 'a folder of the task is read-only',
    told: ['mount_task_folders is /shared ro'],
    weaken: (spec) => ({
      ...spec,
      mounts: spec.mounts.map((mount) =>
        mount.destination === '/shared' ? { ...mount, options: [...mount.options, 'ro'] } : mount,
      ),
    }),
    job: { volumes: ['/shared'] },
  },
  {
    name: 'the whole disk of the task is mounted in the place of its folder',
    told: ['mount_task_folders is /shared missing', 'mount_others is'],
    weaken: (spec) => ({
      ...spec,
      mounts: spec.mounts.map((mount) =>
        mount.destination === '/shared'
          ? { ...mount, source: mount.source.replace(/\/t\/ws\/.*$/, '/t') }
          : mount,
      ),
    }),
    job: { volumes: ['/shared'] },
  },
  {
    name: 'the init is left out, another program in its place',
    told: ['mount_init is ro nodev nosuid of another file'],
    weaken: (spec) => ({
      ...spec,
      mounts: spec.mounts.map((mount) =>
        mount.destination === '/.bulkhead-init' ? { ...mount, source: '/bin/true' } : mount,
      ),
    }),
  },
  {
    name: 'the init is writable',
    told: ['mount_init is rw'],
    weaken: (spec) => ({
      ...spec,
      mounts: spec.mounts.map((mount) =>
        mount.destination === '/.bulkhead-init'
          ? { ...mount, options: mount.options.filter((option) => option !== 'ro') }
          : mount,
      ),
    }),
  },
  { name: 'masked paths are shown', told: ['masked_paths is'], weaken: withoutMaskedPaths },
  { name: 'kernel settings are writable', told: ['readonly_paths is'], weaken: withoutReadonlyPaths },
];

/** Without what a user namespace may not do to namespaces of this host. */
function inHostNamespace(spec: RuntimeSpec, type: string): object {
  const mount = { pid: '/proc', ipc: '/dev/mqueue' }[type];
  return {
    ...spec,
    ...(type === 'uts' ? { hostname: undefined } : {}),
    mounts: spec.mounts.flatMap((own) => {
      if (own.destination !== mount) return [own];
      const options = ['rbind', 'nosuid', 'nodev', 'noexec'];
      return type === 'pid' ? [{ ...own, type: 'bind', source: mount, options }] : [];
    }),
    linux: { ...spec.linux, namespaces: spec.linux.namespaces.filter((one) => one.type !== type) },
  };
}

function process(change: (own: RuntimeSpec['process']) => object): Weakness['weaken'] {
  return (spec) => ({ ...spec, process: { ...spec.process, ...change(spec.process) } });
}

function linux(change: (own: RuntimeSpec['linux']) => object): Weakness['weaken'] {
  return (spec) => ({ ...spec, linux: { ...spec.linux, ...change(spec.linux) } });
}

function resources(
  change: (own: NonNullable<RuntimeSpec['linux']['resources']>) => object,
): Weakness['weaken'] {
  return linux(({ resources: own }) => ({
    resources: own === undefined ? own : { ...own, ...change(own) },
  }));
}

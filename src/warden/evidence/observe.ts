import { readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { RuntimeSpec } from '../backends/oci/compile.ts';
import { BulkheadError } from '../errors.ts';
import type { CgroupPaths } from './cgroups.ts';

/**
 * Reads from outside what the kernel enforces on a process that has not run its first instruction, and holds it
 * against the runtime specification. Throws `evidence` naming every control that differs.
 * Source: proc(5), cgroups(7); the cgroup v1 memory and pids controllers.
 */
export async function observe(
  pid: number,
  spec: RuntimeSpec,
  cgroups: CgroupPaths,
): Promise<Record<string, string>> {
  const proc = join('/proc', String(pid));
  // At once: the kernel answers from memory, and thirty small reads cost more as work for other threads.
  const [status, uidMap, gidMap] = [
    text(join(proc, 'status')),
    text(join(proc, 'uid_map')),
    text(join(proc, 'gid_map')),
  ];
  const [ours, theirs] = [namespaces('/proc/self'), namespaces(proc)];
  const [memory, swap] = [text(cgroups.memoryLimit), text(cgroups.swapLimit)];
  const [pids, quota] = [text(cgroups.pidsLimit), text(cgroups.cpuQuota)];
  const field = (name: string): string =>
    new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(status)?.[1]?.trim() ?? 'missing';
  const observed: Record<string, string> = {
    uid_map: uidMap.trim().replace(/\s+/g, ' '),
    gid_map: gidMap.trim().replace(/\s+/g, ' '),
    no_new_privileges: field('NoNewPrivs'),
    seccomp: field('Seccomp'),
    memory_limit_bytes: memory.trim(),
    memory_and_swap_limit_bytes:
      cgroups.version === 1 ? swap.trim() : String(Number(swap.trim()) + Number(memory.trim())),
    pids_limit: pids.trim(),
    cpu_quota: quota.trim().split(' ')[0] ?? '',
    ...Object.fromEntries(CAPABILITY_SETS.map(([name, key]) => [`capabilities_${key}`, field(name)])),
    ...Object.fromEntries(
      NAMESPACES.map((name) => [`namespace_${name}`, theirs[name] === ours[name] ? 'shared' : 'own']),
    ),
  };
  const wanted = expectation(spec);
  const differing = Object.entries(wanted).filter(([name, value]) => observed[name] !== value);
  if (differing.length > 0) {
    const list = differing
      .map(([name, value]) => `${name} is ${observed[name] ?? 'missing'}, not ${value}`)
      .join('; ');
    throw new BulkheadError(
      'evidence',
      `the sandbox that the kernel enforces is not the one that was asked for: ${list}; the task was not started`,
    );
  }
  return observed;
}

const NAMESPACES = ['user', 'pid', 'net', 'ipc', 'uts', 'mnt', 'cgroup'] as const;
const CAPABILITY_SETS = [
  ['CapInh', 'inheritable'],
  ['CapPrm', 'permitted'],
  ['CapEff', 'effective'],
  ['CapBnd', 'bounding'],
  ['CapAmb', 'ambient'],
] as const;

/** What must be read, by the names above. Pure. */
function expectation(spec: RuntimeSpec): Record<string, string> {
  const [uids] = spec.linux.uidMappings;
  const [gids] = spec.linux.gidMappings;
  const { capabilities } = spec.process;
  // The kernel drops the effective and permitted sets of a user other than 0 when it executes the init.
  const isRoot = spec.process.user.uid === 0;
  const { memory, cpu, pids } = spec.linux.resources;
  return {
    uid_map: `0 ${uids?.hostID} ${uids?.size}`,
    gid_map: `0 ${gids?.hostID} ${gids?.size}`,
    no_new_privileges: spec.process.noNewPrivileges ? '1' : '0',
    seccomp: '2',
    memory_limit_bytes: String(pageAligned(memory.limit)),
    memory_and_swap_limit_bytes: String(pageAligned(memory.swap)),
    pids_limit: String(pids.limit),
    cpu_quota: String(cpu.quota),
    capabilities_inheritable: mask(capabilities.inheritable),
    capabilities_bounding: mask(capabilities.bounding),
    capabilities_ambient: mask(capabilities.ambient),
    ...(isRoot || capabilities.permitted.length === 0
      ? {
          capabilities_permitted: mask(capabilities.permitted),
          capabilities_effective: mask(capabilities.effective),
        }
      : {}),
    ...Object.fromEntries(NAMESPACES.map((name) => [`namespace_${name}`, 'own'])),
  };
}

/** The kernel rounds a memory limit down to whole pages. */
function pageAligned(bytes: number): number {
  return Math.floor(bytes / 4096) * 4096;
}

/** Numbers of linux/capability.h. */
const CAPABILITY_BITS: Readonly<Record<string, number>> = {
  CAP_CHOWN: 0,
  CAP_DAC_OVERRIDE: 1,
  CAP_FOWNER: 3,
  CAP_FSETID: 4,
  CAP_KILL: 5,
  CAP_SETGID: 6,
  CAP_SETUID: 7,
  CAP_SYS_CHROOT: 18,
  CAP_SETFCAP: 31,
};

function mask(names: readonly string[]): string {
  const bits = names.reduce((sum, name) => sum | (1n << BigInt(CAPABILITY_BITS[name] ?? 63)), 0n);
  return bits.toString(16).padStart(16, '0');
}

function namespaces(proc: string): Record<string, string> {
  return Object.fromEntries(NAMESPACES.map((name) => [name, namespace(join(proc, 'ns', name))]));
}

function namespace(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return 'unreadable';
  }
}

function text(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    return `unreadable: ${error instanceof Error ? error.message : String(error)}`;
  }
}

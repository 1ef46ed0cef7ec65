import { join } from 'node:path';
import type { RuntimeSpec } from '../../backends/oci/compile.ts';
import { linkOf, textOf, type Reading } from './reading.ts';

/**
 * Who a process is, and what it may: ids, capabilities, system call filter, namespaces, resource limits.
 * Source: proc_pid_status(5), proc_pid_limits(5), user_namespaces(7).
 */
export function processReadings(proc: string, spec: RuntimeSpec): Reading[] {
  const status = textOf(join(proc, 'status'));
  const field = (name: string): string => {
    const value = new RegExp(`^${name}:[ \\t]*(.*)$`, 'm').exec(status)?.[1];
    return value === undefined ? 'missing' : value.trim().replaceAll('\t', ' ');
  };
  const label = textOf(join(proc, 'attr', 'current'));
  return [
    ...identity(proc, field, spec),
    {
      name: 'no_new_privileges',
      found: field('NoNewPrivs'),
      wanted: spec.process.noNewPrivileges ? '1' : '0',
    },
    // Mode 2 is a filter; one, since nobody but the runtime installed any.
    { name: 'seccomp', found: field('Seccomp'), wanted: '2' },
    { name: 'seccomp_filters', found: field('Seccomp_filters'), wanted: '1' },
    ...capabilities(field, spec),
    ...namespaces(proc),
    ...resourceLimits(textOf(join(proc, 'limits')), spec),
    {
      name: 'oom_score_adjustment',
      found: textOf(join(proc, 'oom_score_adj')),
      wanted: String(spec.process.oomScoreAdj),
    },
    // What the runtime was given: it shows at the init's exec, after which it is read back.
    { name: 'apparmor', found: spec.process.apparmorProfile ?? 'none' },
    // Of SELinux; unreadable where the host has neither.
    ...(label.includes(':') && !label.startsWith('unreadable')
      ? [{ name: 'security_label', found: label.replace(/\0$/, '') }]
      : []),
  ];
}

function identity(proc: string, field: (name: string) => string, spec: RuntimeSpec): Reading[] {
  const [uids] = spec.linux.uidMappings;
  const [gids] = spec.linux.gidMappings;
  const { uid, gid, additionalGids } = spec.process.user;
  const groups = additionalGids.map((one) => onHost(gids?.hostID, one));
  const map = (name: string): string => textOf(join(proc, name)).replace(/\s+/g, ' ');
  return [
    { name: 'uid_map', found: map('uid_map'), wanted: `0 ${uids?.hostID} ${uids?.size}` },
    { name: 'gid_map', found: map('gid_map'), wanted: `0 ${gids?.hostID} ${gids?.size}` },
    { name: 'uid', found: field('Uid'), wanted: four(onHost(uids?.hostID, uid)) },
    { name: 'gid', found: field('Gid'), wanted: four(onHost(gids?.hostID, gid)) },
    { name: 'groups', found: numerically(field('Groups').split(' ')), wanted: numerically(groups) },
  ];
}

function onHost(base: number | undefined, id: number): string {
  return String((base ?? 0) + id);
}

/** Real, effective, saved, and that of the file system. */
function four(id: string): string {
  return Array<string>(4).fill(id).join(' ');
}

function numerically(ids: readonly string[]): string {
  const sorted = [...new Set(ids.filter((id) => id !== ''))].toSorted((a, b) => Number(a) - Number(b));
  return sorted.length === 0 ? 'none' : sorted.join(' ');
}

function capabilities(field: (name: string) => string, spec: RuntimeSpec): Reading[] {
  const sets = spec.process.capabilities;
  // The kernel drops the effective and permitted sets of a user other than 0 when it executes the init.
  const keeps = spec.process.user.uid === 0 || sets.permitted.length === 0;
  const wanted = (names: readonly string[]): Pick<Reading, 'wanted'> =>
    keeps ? { wanted: mask(names) } : {};
  return [
    { name: 'capabilities_inheritable', found: field('CapInh'), wanted: mask(sets.inheritable) },
    { name: 'capabilities_permitted', found: field('CapPrm'), ...wanted(sets.permitted) },
    { name: 'capabilities_effective', found: field('CapEff'), ...wanted(sets.effective) },
    { name: 'capabilities_bounding', found: field('CapBnd'), wanted: mask(sets.bounding) },
    { name: 'capabilities_ambient', found: field('CapAmb'), wanted: mask(sets.ambient) },
  ];
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

function namespaces(proc: string): Reading[] {
  return ['user', 'pid', 'net', 'ipc', 'uts', 'mnt', 'cgroup'].map((name) => {
    const [theirs, ours] = [linkOf(join(proc, 'ns', name)), linkOf(join('/proc/self/ns', name))];
    return {
      name: `namespace_${name}`,
      found: theirs === 'unreadable' ? theirs : theirs === ours ? 'shared' : 'own',
      wanted: 'own',
    };
  });
}

const LIMIT_NAMES: Readonly<Record<string, string>> = {
  RLIMIT_NOFILE: 'Max open files',
  RLIMIT_NPROC: 'Max processes',
  RLIMIT_CORE: 'Max core file size',
  RLIMIT_MEMLOCK: 'Max locked memory',
  RLIMIT_FSIZE: 'Max file size',
};

function resourceLimits(limits: string, spec: RuntimeSpec): Reading[] {
  return spec.process.rlimits.map(({ type, soft, hard }) => {
    const [, ...found] = new RegExp(`^${LIMIT_NAMES[type]}\\s+(\\S+)\\s+(\\S+)`, 'm').exec(limits) ?? [];
    return {
      name: type.toLowerCase(),
      found: found.length === 0 ? 'missing' : found.join(':'),
      wanted: [soft, hard].map(spoken).join(':'),
    };
  });
}

/** RLIM_INFINITY, and what is beyond exact numbers here, is no limit. */
function spoken(limit: number): string {
  return limit >= Number.MAX_SAFE_INTEGER ? 'unlimited' : String(limit);
}

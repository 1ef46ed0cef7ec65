import { BulkheadError } from '../../../errors.ts';
import { ISOLATIONS } from '../../../sandbox/sandbox.ts';
import type { Isolation, Sandbox } from '../../../sandbox/sandbox.ts';
import type { PodSecurityContext, SeccompChoice, SecurityContext } from './objects.ts';
import type { Cluster, ExecutorPlan } from './task-spec.ts';

/** What a container may do, from its executor's sandbox. Throws `runtime` where uid 0 is what the sandbox forbids. */
export function securityContext(
  { privilege, rootfs, compat }: Sandbox,
  user: ExecutorPlan['user'],
  cluster: Cluster,
): SecurityContext {
  if (privilege === 'nonroot' && user?.uid === 0)
    throw new BulkheadError('runtime', 'the privilege is nonroot, and the user of the executor is uid 0');
  const isMapped = privilege === 'root-mapped';
  return {
    privileged: false,
    // A setuid file works only where uid 0 inside isn't uid 0 outside.
    allowPrivilegeEscalation: isMapped,
    capabilities: isMapped ? { drop: ['ALL'], add: ROOT_MAPPED_CAPABILITIES } : { drop: ['ALL'] },
    readOnlyRootFilesystem: rootfs === 'readonly',
    ...identity(user, privilege === 'nonroot'),
    seccompProfile: seccompChoice(cluster, compat.includes('ptrace')),
  };
}

/** Of what stages: nothing but its files. */
export function stagingSecurityContext(first: ExecutorPlan | undefined, isNonroot: boolean): SecurityContext {
  return {
    privileged: false,
    allowPrivilegeEscalation: false,
    capabilities: { drop: ['ALL'] },
    readOnlyRootFilesystem: true,
    // The same user as the first executor's, so that what is staged is the task's own.
    ...identity(first?.user, isNonroot),
    seccompProfile: { type: 'RuntimeDefault' },
  };
}

/**
 * What holds for all containers, and for one that somebody adds. A sysctl that Kubernetes counts as safe lets low
 * ports be bound; a kernel of a RuntimeClass may not have it.
 */
export function podSecurityContext(isRestricted: boolean, hasHostKernel: boolean): PodSecurityContext {
  return {
    ...(isRestricted ? { runAsNonRoot: true } : {}),
    seccompProfile: { type: 'RuntimeDefault' },
    ...(hasHostKernel ? { sysctls: [{ name: 'net.ipv4.ip_unprivileged_port_start', value: '0' }] } : {}),
  };
}

/** A Pod has one: the strongest that an executor has. */
export function podIsolation(sandboxes: readonly Sandbox[]): Isolation {
  return (
    ISOLATIONS.find((isolation) => sandboxes.some((each) => each.isolation === isolation)) ?? 'namespace'
  );
}

/** The same as on one machine, without the prefix that Kubernetes leaves out: each is one that the standard `baseline` lets add. */
const ROOT_MAPPED_CAPABILITIES = [
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'SETFCAP',
  'SETGID',
  'SETUID',
  'SYS_CHROOT',
] as const;

/** Before an image was inspected, its user is the image's, and the kubelet refuses one that is root where that is forbidden. */
function identity(
  user: ExecutorPlan['user'],
  isNonroot: boolean,
): Pick<SecurityContext, 'runAsNonRoot' | 'runAsUser' | 'runAsGroup'> {
  if (user === undefined) return isNonroot ? { runAsNonRoot: true } : {};
  const { uid, gid } = user;
  return { ...(uid === 0 ? {} : { runAsNonRoot: true }), runAsUser: uid, runAsGroup: gid };
}

function seccompChoice({ nodes: { seccomp } }: Cluster, mayTrace: boolean): SeccompChoice {
  if (seccomp === undefined) return { type: 'RuntimeDefault' };
  return { type: 'Localhost', localhostProfile: mayTrace ? seccomp.ptrace : seccomp.standard };
}

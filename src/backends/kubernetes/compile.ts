import { BulkheadError } from '../../errors.ts';
import { executorSandbox } from '../../sandbox/executor.ts';
import type { Isolation, NetworkMode, Sandbox } from '../../sandbox/sandbox.ts';
import { executorContainer, stagingContainer } from './compile/containers.ts';
import { defaultDeny, networkPolicy } from './compile/network-policy.ts';
import type { NetworkPolicy, Pod } from './compile/objects.ts';
import { podIsolation, podSecurityContext } from './compile/security-context.ts';
import type { Cluster, TaskSpec } from './compile/task-spec.ts';
import { unenforced } from './compile/unenforced.ts';
import { treeVolumes } from './compile/volumes.ts';

export interface CompiledTask {
  readonly pod: Pod;
  /** Of this task alone: the way to the egress proxy, or none. */
  readonly networkPolicy: NetworkPolicy;
  /** Of the namespace, and there before any Pod is: a policy of a task's own may be applied after its Pod has started. */
  readonly namespacePolicy: NetworkPolicy;
  /**
   * The strictest Pod Security Standard that the Pod meets in every version of Kubernetes, to be enforced by its namespace. Since 1.35,
   * `restricted` lets a Pod have uid 0 in a user namespace of its own.
   */
  readonly podSecurity: 'restricted' | 'baseline';
  /** Controls of the sandbox that no Pod can carry, or that this cluster doesn't hold, by name. */
  readonly unenforced: readonly string[];
}

/**
 * A task's sandbox as a Pod and its NetworkPolicies: pure, so that golden tests show every field, and so that one can be
 * printed for a task that never runs. One Pod for each attempt: init containers stage in, then run one executor after the
 * other; the main container stages out. What executors have otherwise is each container's; what a Pod has once (isolation,
 * network) is the strongest isolation of all, and the network of those that have one. Throws `runtime` for what
 * this cluster doesn't make, so that nothing is weakened silently, `invalid` for what a Pod can't spell. Source: Kubernetes API v1 (Pod) and networking.k8s.io/v1.
 */
export function compile(spec: TaskSpec): CompiledTask {
  const sandboxes = spec.executors.map((_, index) => executorSandbox(spec.sandbox, index));
  assertNamed(spec.name);
  assertMadeHere(sandboxes, spec.cluster);
  const { executors, name, namespace, cluster } = spec;
  const isolation = podIsolation(sandboxes);
  const labels = { ...COMMON_LABELS, 'app.kubernetes.io/instance': name };
  const runtimeClassName = isRuntimeClass(isolation) ? cluster.runtimeClasses[isolation] : undefined;
  const isRestricted = executors.every(
    ({ user }, index) =>
      sandboxes[index]?.privilege === 'nonroot' ||
      (user !== undefined && user.uid !== 0 && sandboxes[index]?.privilege === 'root-capless'),
  );
  return {
    pod: {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace, labels },
      spec: {
        restartPolicy: 'Never',
        automountServiceAccountToken: false,
        enableServiceLinks: false,
        hostNetwork: false,
        hostPID: false,
        hostIPC: false,
        shareProcessNamespace: false,
        // Runtimes with a kernel of their own don't support one, and have no need of it.
        ...(runtimeClassName === undefined ? { hostUsers: !cluster.userNamespaces } : { runtimeClassName }),
        os: { name: 'linux' },
        // The system call filter is for this architecture.
        nodeSelector: { 'kubernetes.io/os': 'linux', 'kubernetes.io/arch': 'amd64' },
        hostname: name,
        ...NO_RESOLVER,
        securityContext: podSecurityContext(isRestricted, runtimeClassName === undefined),
        ...deadline(spec),
        terminationGracePeriodSeconds: 30,
        initContainers: [
          stagingContainer(spec, 'stage-in'),
          ...executors.map((executor, index) =>
            executorContainer(spec, executor, index, executorSandbox(spec.sandbox, index)),
          ),
        ],
        containers: [stagingContainer(spec, 'stage-out')],
        volumes: treeVolumes(spec),
      },
    },
    networkPolicy: networkPolicy(spec, sandboxes, labels),
    namespacePolicy: defaultDeny(namespace, COMMON_LABELS),
    podSecurity: isRestricted ? 'restricted' : 'baseline',
    unenforced: unenforced(spec, sandboxes),
  };
}

/** What a cluster makes of the vocabulary; the rest is refused. */
export function kubernetesAbilities({ userNamespaces, runtimeClasses, proxy }: Cluster): {
  readonly isolations: readonly Isolation[];
  readonly networks: readonly NetworkMode[];
} {
  return {
    isolations: [
      ...(runtimeClasses.microvm === undefined ? [] : (['microvm'] as const)),
      ...(runtimeClasses['syscall-proxy'] === undefined ? [] : (['syscall-proxy'] as const)),
      ...(userNamespaces ? (['userns'] as const) : []),
      'namespace',
    ],
    networks: proxy === undefined ? ['none'] : ['none', 'egress', 'open'],
  };
}

/** The recommended labels of Kubernetes' documentation. */
const COMMON_LABELS = { 'app.kubernetes.io/name': 'bulkhead', 'app.kubernetes.io/component': 'task' };

/**
 * There is no resolver: the proxy resolves. Nothing listens on the loopback, so that a query is refused at once, and who
 * waits all the same waits a second. The policy `None` must name a server.
 */
const NO_RESOLVER = {
  dnsPolicy: 'None',
  dnsConfig: {
    nameservers: ['127.0.0.1'],
    options: [
      { name: 'timeout', value: '1' },
      { name: 'attempts', value: '1' },
    ],
  },
} as const;

/** The end of the range of `activeDeadlineSeconds`. */
const LONGEST_DEADLINE_SECONDS = 2 ** 31 - 1;

/** A backstop only, should whoever enforces the wall time be gone: it takes the outputs with it, and its clock starts with the Pod's. */
function deadline({ sandbox, staging }: TaskSpec): { readonly activeDeadlineSeconds?: number } {
  const { wallTimeMs } = sandbox.limits;
  if (wallTimeMs === null) return {};
  const seconds = Math.ceil(wallTimeMs / 1000) + staging.allowanceSeconds;
  return { activeDeadlineSeconds: Math.min(seconds, LONGEST_DEADLINE_SECONDS) };
}

function isRuntimeClass(isolation: Isolation): isolation is 'microvm' | 'syscall-proxy' {
  return isolation === 'microvm' || isolation === 'syscall-proxy';
}

function assertNamed(name: string): void {
  // A label of RFC 1123: it is a host name, and a label's value, too.
  if (!/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(name))
    throw new BulkheadError('internal', `"${name}" can't be the name of a Pod`);
}

function assertMadeHere(sandboxes: readonly Sandbox[], cluster: Cluster): void {
  const { isolations, networks } = kubernetesAbilities(cluster);
  for (const { isolation, network, privilege } of sandboxes) {
    if (!isolations.includes(isolation)) throw notMade('isolation', isolation, isolations);
    if (!networks.includes(network)) throw notMade('network', network, networks);
    if (isolation === 'namespace' && privilege !== 'nonroot')
      throw new BulkheadError(
        'runtime',
        `privilege ${privilege} without a user namespace would be host root`,
      );
  }
}

function notMade(field: string, value: string, made: readonly string[]): BulkheadError {
  return new BulkheadError(
    'runtime',
    `the sandbox's ${field} is ${value}, and this cluster makes ${made.join(', ')} only`,
  );
}

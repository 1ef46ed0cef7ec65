import { BulkheadError } from '../../../errors.ts';
import { executorSandbox } from '../../../sandbox/executor.ts';
import type { Sandbox } from '../../../sandbox/sandbox.ts';
import { verbatim } from './expansion.ts';
import type { Container, EnvironmentVariable, Quantities } from './objects.ts';
import { securityContext, stagingSecurityContext } from './security-context.ts';
import type { EgressProxy, ExecutorPlan, TaskSpec } from './task-spec.ts';
import { parentMount, PARENT_FOLDER, treeMounts } from './volumes.ts';

/**
 * The container of one executor. Its first process is the static parent, which starts the command as it is, gives
 * it its streams and limits, and waits for whatever it leaves behind.
 */
export function executorContainer(
  spec: TaskSpec,
  executor: ExecutorPlan,
  index: number,
  sandbox: Sandbox,
): Container {
  const name = `executor-${index}`;
  const { cluster } = spec;
  return {
    name,
    image: executor.image,
    imagePullPolicy: 'IfNotPresent',
    command: [`${PARENT_FOLDER}/parent`, 'run'],
    args: [...parentOptions(executor, sandbox), '--', ...executor.command].map(verbatim),
    env: [
      ...(sandbox.network === 'none' ? [] : proxyVariables(cluster.proxy, name)),
      ...ownVariables(executor, index),
    ],
    ...(executor.workdir === undefined ? {} : { workingDir: executor.workdir }),
    resources: bounded({
      cpu: millicores(sandbox.limits.cpuCores),
      memory: String(sandbox.limits.memoryBytes),
      'ephemeral-storage': String(sandbox.limits.diskBytes),
    }),
    securityContext: securityContext(sandbox, executor.user, cluster),
    terminationMessagePolicy: 'File',
    volumeMounts: [parentMount(true), ...treeMounts(spec)],
  };
}

export function stagingContainer(spec: TaskSpec, name: 'stage-in' | 'stage-out'): Container {
  const { agent, proxy } = spec.cluster;
  const isFirst = name === 'stage-in';
  const isNonroot = executorSandbox(spec.sandbox, 0).privilege === 'nonroot';
  return {
    name,
    image: agent.image,
    imagePullPolicy: 'IfNotPresent',
    command: ['/bulkhead-agent'],
    args: [name],
    env: spec.staging.isRemote ? proxyVariables(proxy, name) : [],
    resources: bounded({
      cpu: millicores(agent.cpuCores),
      memory: String(agent.memoryBytes),
      'ephemeral-storage': STAGING_DISK,
    }),
    securityContext: stagingSecurityContext(spec.executors[0], isNonroot),
    terminationMessagePolicy: 'File',
    // It brings the parent of the executors; nobody else may write there.
    volumeMounts: [...(isFirst ? [parentMount(false)] : []), ...treeMounts(spec)],
  };
}

/** Of its own log and layer; what it stages is in the task's volumes. */
const STAGING_DISK = '67108864';

/** What the kernel bounds for one process, and what a Pod has no word for. */
function parentOptions({ stdin, stdout, stderr }: ExecutorPlan, { limits }: Sandbox): string[] {
  return [
    `--open-files=${limits.openFiles}`,
    `--file-bytes=${limits.diskBytes}`,
    `--log-bytes=${limits.logBytes}`,
    ...(limits.wallTimeMs === null ? [] : [`--wall-time-ms=${limits.wallTimeMs}`]),
    ...(stdin === undefined ? [] : [`--stdin=${stdin}`]),
    ...(stdout === undefined ? [] : [`--stdout=${stdout}`]),
    ...(stderr === undefined ? [] : [`--stderr=${stderr}`]),
  ];
}

/** In both spellings: tools differ in which they read. */
const PROXY_VARIABLES = ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'http_proxy', 'https_proxy', 'all_proxy'];

/** By reference, so that no credential stands in the Pod, which many may read. */
function proxyVariables(proxy: EgressProxy | undefined, key: string): EnvironmentVariable[] {
  if (proxy === undefined)
    throw new BulkheadError('runtime', `${key} needs the network, and this cluster has no egress proxy`);
  return PROXY_VARIABLES.map((name) => ({
    name,
    valueFrom: { secretKeyRef: { name: proxy.secret, key } },
  }));
}

/** As Kubernetes has them since 1.34: printable ASCII but `=`. */
const VARIABLE_NAME = /^[ -<>-~]+$/;

/** After the proxy's, over which a task's own win. */
function ownVariables({ env }: ExecutorPlan, index: number): EnvironmentVariable[] {
  return Object.entries(env).map(([name, value]) => {
    if (!VARIABLE_NAME.test(name)) {
      const problem = `the variable ${JSON.stringify(name)} can't be given to a Pod: a name is of printable ASCII without "="`;
      throw new BulkheadError('invalid', problem, {
        fields: [{ field: `/executors/${index}/env`, problem }],
      });
    }
    return { name, value: verbatim(value) };
  });
}

/** Requests equal to limits: a Pod of the class Guaranteed, which gets no swap and is evicted last. */
function bounded(quantities: Quantities): Container['resources'] {
  return { requests: quantities, limits: quantities };
}

/** Rounded down, since it is a limit; the least that Kubernetes has is 1m. */
function millicores(cores: number): string {
  return `${Math.max(1, Math.floor(cores * 1000))}m`;
}

import { compile } from '../backends/kubernetes/compile.ts';
import type { Cluster, TaskSpec } from '../backends/kubernetes/compile/task-spec.ts';
import { workspaceTrees } from '../backends/oci/trees.ts';
import type { BackendSpecs } from '../http/policy-options.ts';
import { executorSandbox } from '../sandbox/executor.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import type { TesTaskDocument } from '../tes/task.ts';

/**
 * What a task would be on a cluster: the namespace with the Pod Security Standard that it must enforce, its policy, the
 * task's own policy, the Pod. Throws `invalid` for what no Pod can spell.
 */
export function kubernetesObjects(document: TesTaskDocument, sandbox: Sandbox): BackendSpecs {
  const { pod, networkPolicy, namespacePolicy, podSecurity, unenforced } = compile(
    exampleSpec(document, sandbox),
  );
  const labels = {
    'pod-security.kubernetes.io/enforce': podSecurity,
    'pod-security.kubernetes.io/enforce-version': 'latest',
  };
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE, labels } };
  return { specs: [namespace, namespacePolicy, networkPolicy, pod], unknown: UNKNOWN, unenforced };
}

const NAMESPACE = 'tasks';

/** What the cluster's configuration, the image and the attempt decide. */
const UNKNOWN = [
  '/specs/0/metadata/name',
  '/specs/2/metadata/name',
  '/specs/2/spec/podSelector/matchLabels/app.kubernetes.io~1instance',
  '/specs/2/spec/egress',
  '/specs/3/metadata/name',
  '/specs/3/spec/runtimeClassName',
  '/specs/3/spec/initContainers/0/image',
  '/specs/3/spec/containers/0/image',
];

/** Which can do everything, and whose nodes weren't prepared for anything. */
const EXAMPLE_CLUSTER: Cluster = {
  agent: { image: 'AGENT', cpuCores: 0.25, memoryBytes: 2 ** 28 },
  userNamespaces: true,
  runtimeClasses: { 'syscall-proxy': 'gvisor', microvm: 'kata' },
  networkPolicies: true,
  proxy: {
    namespace: 'bulkhead',
    podLabels: { 'app.kubernetes.io/component': 'egress-proxy' },
    port: 3128,
    secret: 'task-1-proxy',
  },
  nodes: {},
};

function exampleSpec(document: TesTaskDocument, sandbox: Sandbox): TaskSpec {
  const { executors, inputs = [], outputs = [] } = document;
  const hasReadonlyRoot = executors.some((_, index) => executorSandbox(sandbox, index).rootfs === 'readonly');
  return {
    sandbox,
    name: 'task-1',
    namespace: NAMESPACE,
    executors: executors.map(({ env = {}, ignore_error: _ignored, ...executor }) => ({ ...executor, env })),
    trees: workspaceTrees(document, hasReadonlyRoot ? ['/tmp', '/var/tmp'] : []),
    staging: {
      isRemote: [...inputs, ...outputs].some(({ url = '' }) => url !== '' && !isLocal(url)),
      allowanceSeconds: 3600,
    },
    cluster: EXAMPLE_CLUSTER,
  };
}

function isLocal(url: string): boolean {
  return url.startsWith('/') || url.toLowerCase().startsWith('file:');
}

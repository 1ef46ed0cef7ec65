import { BulkheadError } from '../../../errors.ts';
import type { Sandbox } from '../../../sandbox/sandbox.ts';
import type { EgressRule, Labels, NetworkPolicy } from './objects.ts';
import type { EgressProxy, TaskSpec } from './task-spec.ts';

/** Nothing comes in. Out, to the egress proxy alone, and that only where something of the task has a network. */
export function networkPolicy(spec: TaskSpec, sandboxes: readonly Sandbox[], labels: Labels): NetworkPolicy {
  const { proxy } = spec.cluster;
  const egress = proxy !== undefined && reachesProxy(spec, sandboxes) ? [wayTo(proxy)] : [];
  return policy(spec.name, spec.namespace, labels, egress);
}

/** For every Pod of the namespace, whoever made it: policies only add to what is allowed. */
export function defaultDeny(namespace: string, labels: Labels): NetworkPolicy {
  const { metadata, spec, ...rest } = policy('bulkhead-default-deny', namespace, labels, []);
  return { ...rest, metadata, spec: { ...spec, podSelector: { matchLabels: {} } } };
}

export function reachesProxy({ staging }: TaskSpec, sandboxes: readonly Sandbox[]): boolean {
  return staging.isRemote || sandboxes.some(({ network }) => network !== 'none');
}

function policy(
  name: string,
  namespace: string,
  labels: Labels,
  egress: readonly EgressRule[],
): NetworkPolicy {
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name, namespace, labels },
    spec: { podSelector: { matchLabels: labels }, policyTypes: ['Ingress', 'Egress'], ingress: [], egress },
  };
}

/** Both selectors in one entry: such Pods in that namespace. In two entries, it would be either. */
function wayTo({ namespace, podLabels, port }: EgressProxy): EgressRule {
  if (Object.keys(podLabels).length === 0)
    throw new BulkheadError(
      'config',
      "the egress proxy's labels are empty: that would select every Pod there",
    );
  return {
    to: [
      {
        // Set on every namespace by Kubernetes itself.
        namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
        podSelector: { matchLabels: podLabels },
      },
    ],
    ports: [{ protocol: 'TCP', port }],
  };
}

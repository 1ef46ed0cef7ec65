import type { Sandbox } from '../../../sandbox/sandbox.ts';
import { reachesProxy } from './network-policy.ts';
import type { TaskSpec } from './task-spec.ts';

/** Names of what the cluster doesn't enforce of a task's sandbox, as `docs/evidence.md` lists them; never less than is known. */
export function unenforced(spec: TaskSpec, sandboxes: readonly Sandbox[]): readonly string[] {
  const { cluster, executors } = spec;
  const { seccomp, podPidsLimit = Infinity } = cluster.nodes;
  const controls: readonly (readonly [name: string, isMissing: boolean])[] = [
    // A tag may be another image when it is pulled.
    ['image-digest', executors.some(({ image }) => !BY_DIGEST.test(image))],
    // A Pod can name a filter that the node has, and carry none: else it is the runtime's own, which differs between runtimes.
    ['seccomp-profile', seccomp === undefined],
    // A Pod has no such limit; the kubelet has one for all Pods.
    ['pids', sandboxes.some(({ limits }) => podPidsLimit > limits.pids)],
    ['disk-inodes', true],
    // The kubelet measures volumes now and then, and evicts: until then they can grow.
    ['disk-hard-limit', true],
    // Output is cut off by a process of the same user as the executor.
    ['log-bytes', true],
    // Many network plug-ins do nothing with a NetworkPolicy.
    ['network-policy', !cluster.networkPolicies],
    // The node on which a Pod runs can always reach it, and most plug-ins let it reach the node.
    ['network-node', true],
    // Containers of a Pod share its network.
    [
      'network-by-credential',
      reachesProxy(spec, sandboxes) && sandboxes.some(({ network }) => network === 'none'),
    ],
  ];
  return controls.filter(([, isMissing]) => isMissing).map(([name]) => name);
}

const BY_DIGEST = /@sha256:[0-9a-f]{64}$/;

import * as fc from 'fast-check';
import type { Cluster, EgressProxy, TaskSpec } from '../../src/backends/kubernetes/compile/task-spec.ts';
import { violations } from '../../src/sandbox/invariants.ts';
import { PROFILES } from '../../src/sandbox/profiles.ts';
import {
  COMPATS,
  ISOLATIONS,
  NETWORK_MODES,
  PRIVILEGES,
  ROOT_FILE_SYSTEMS,
} from '../../src/sandbox/sandbox.ts';
import type { ExecutorSandbox, Sandbox } from '../../src/sandbox/sandbox.ts';

const DIGEST = `sha256:${'0123456789abcdef'.repeat(4)}`;

const PROXY: EgressProxy = {
  namespace: 'bulkhead-system',
  podLabels: { 'app.kubernetes.io/component': 'egress-proxy' },
  port: 3128,
  secret: 'task-1-proxy',
};

/** A cluster that has everything. */
export const CLUSTER: Cluster = {
  agent: { image: `registry.example.org/bulkhead-agent@${DIGEST}`, cpuCores: 0.25, memoryBytes: 2 ** 28 },
  userNamespaces: true,
  runtimeClasses: { 'syscall-proxy': 'gvisor', microvm: 'kata' },
  networkPolicies: true,
  proxy: PROXY,
  nodes: {
    seccomp: { standard: 'bulkhead/standard.json', ptrace: 'bulkhead/ptrace.json' },
    podPidsLimit: 64,
  },
};

export function sandboxOf(profile: keyof typeof PROFILES, changes: Partial<Sandbox> = {}): Sandbox {
  return {
    profile,
    ...PROFILES[profile],
    limits: {
      cpuCores: 1.5,
      memoryBytes: 2 ** 31,
      diskBytes: 10 * 2 ** 30,
      diskInodes: 100_000,
      pids: 128,
      openFiles: 4096,
      logBytes: 2 ** 20,
      wallTimeMs: null,
      queueTimeMs: null,
    },
    ...changes,
  };
}

export function taskSpec(changes: Partial<TaskSpec> = {}): TaskSpec {
  return {
    sandbox: sandboxOf('standard'),
    name: 'task-1',
    namespace: 'bulkhead-tasks',
    executors: [
      {
        image: `docker.io/library/debian@${DIGEST}`,
        user: { uid: 0, gid: 0 },
        command: ['tool', '--flag', '$(id) `id` ${HOME} $$'],
        env: { GREETING: 'hello $(PATH)' },
        workdir: '/work',
        stdout: '/work/out.txt',
      },
    ],
    trees: ['/work'],
    staging: { isRemote: false, allowanceSeconds: 3600 },
    cluster: CLUSTER,
    ...changes,
  };
}

const word = fc.string({ minLength: 1, maxLength: 12 });
const count = fc.integer({ min: 1, max: 2 ** 40 });

const executorSandboxes = fc
  .record({
    profile: fc.constant('site'),
    isolation: fc.constantFrom(...ISOLATIONS),
    privilege: fc.constantFrom(...PRIVILEGES),
    network: fc.constantFrom(...NETWORK_MODES),
    rootfs: fc.constantFrom(...ROOT_FILE_SYSTEMS),
    compat: fc.subarray([...COMPATS]),
  })
  .map((each): ExecutorSandbox => (each.network === 'egress' ? { ...each, egress: ['a.org:443'] } : each))
  // Legal, as every sandbox that reaches a compiler is.
  .filter((each) => violations({ ...sandboxOf('standard'), ...each }).length === 0);

const sandboxes = fc
  .record({
    own: executorSandboxes,
    second: fc.option(executorSandboxes),
    limits: fc.record({
      cpuCores: fc.double({ min: 0.01, max: 256, noNaN: true }),
      memoryBytes: count,
      diskBytes: count,
      diskInodes: count,
      pids: fc.integer({ min: 1, max: 4_194_304 }),
      openFiles: count,
      logBytes: count,
      wallTimeMs: fc.option(fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER })),
      queueTimeMs: fc.option(count),
    }),
  })
  .map(({ own, second, limits }): Sandbox => ({
    ...own,
    limits,
    ...(second === null ? {} : { executors: [{ ...second, index: 1, pids: 7 }] }),
  }));

const executors = fc.record(
  {
    image: fc.constantFrom('debian:12', `docker.io/library/debian@${DIGEST}`),
    user: fc.record({ uid: fc.nat(65_535), gid: fc.nat(65_535) }),
    command: fc.array(fc.oneof(word, fc.constantFrom('$(HOME)', '$$', '$$(A)', '$', '$(')), { minLength: 1 }),
    env: fc.dictionary(fc.stringMatching(/^[A-Z_]{1,8}$/), word, { maxKeys: 3 }),
    workdir: fc.constant('/work'),
    stdin: fc.constant('/work/in'),
    stderr: fc.constant('/work/$(X)'),
  },
  { requiredKeys: ['image', 'command', 'env'] },
);

/** Any task on any cluster; not every cluster makes every task. */
export const taskSpecs: fc.Arbitrary<TaskSpec> = fc.record({
  sandbox: sandboxes,
  name: fc.stringMatching(/^[a-z][a-z0-9]{0,20}-[1-9]$/),
  namespace: fc.constant('bulkhead-tasks'),
  executors: fc.array(executors, { minLength: 1, maxLength: 3 }),
  trees: fc.uniqueArray(fc.constantFrom('/work', '/data/in', '/tmp', '/home/task')),
  staging: fc.record({ isRemote: fc.boolean(), allowanceSeconds: fc.nat(86_400) }),
  cluster: fc.record(
    {
      agent: fc.constant(CLUSTER.agent),
      userNamespaces: fc.boolean(),
      runtimeClasses: fc.constantFrom(CLUSTER.runtimeClasses, {}),
      networkPolicies: fc.boolean(),
      proxy: fc.constant(PROXY),
      nodes: fc.constantFrom(CLUSTER.nodes, {}),
    },
    { requiredKeys: ['agent', 'userNamespaces', 'runtimeClasses', 'networkPolicies', 'nodes'] },
  ),
});

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compile, kubernetesAbilities, type CompiledTask } from '../../src/backends/kubernetes/compile.ts';
import type { TaskSpec } from '../../src/backends/kubernetes/compile/task-spec.ts';
import { isBulkheadError } from '../../src/errors.ts';
import { expanded } from './expansion.ts';
import { schemaProblems } from './openapi.ts';
import { violated } from './pod-security.ts';
import { CLUSTER, sandboxOf, taskSpec, taskSpecs } from './specs.ts';

const USER = { uid: 1000, gid: 1000 };
const [EXECUTOR] = taskSpec().executors;
if (EXECUTOR === undefined) throw new Error('the example has no executor');
const AS_USER = [{ ...EXECUTOR, user: USER }];

const GOLDEN: Readonly<Record<string, TaskSpec>> = {
  strict: taskSpec({ sandbox: sandboxOf('strict'), executors: AS_USER }),
  standard: taskSpec(),
  'mapped-root': taskSpec({ sandbox: sandboxOf('mapped-root') }),
  // One executor has the network, the other doesn't; gVisor for both, as one asks for it.
  egress: taskSpec({
    sandbox: sandboxOf('standard', {
      limits: { ...sandboxOf('standard').limits, wallTimeMs: 90_500 },
      executors: [
        {
          profile: 'standard',
          isolation: 'syscall-proxy',
          privilege: 'root-capless',
          network: 'egress',
          egress: ['ftp.example.org:443'],
          rootfs: 'readonly',
          compat: ['ptrace'],
          index: 1,
          pids: 16,
        },
      ],
    }),
    executors: [EXECUTOR, { ...EXECUTOR, user: USER, stdin: '/work/out.txt' }],
    staging: { isRemote: true, allowanceSeconds: 3600 },
  }),
};

describe('a sandbox as a Pod and its NetworkPolicies', () => {
  it.each(Object.entries(GOLDEN))('%s, field by field', async (name, spec) => {
    await expect(`${JSON.stringify(compile(spec), null, 2)}\n`).toMatchFileSnapshot(`golden/${name}.json`);
  });

  it.each([
    ['strict', 'restricted'],
    ['standard', 'baseline'],
    ['mapped-root', 'baseline'],
    ['egress', 'baseline'],
  ])('%s meets %s', (name, level) => {
    const { pod, podSecurity } = compile(GOLDEN[name] ?? taskSpec());
    expect(podSecurity).toBe(level);
    expect(violated(podSecurity, pod)).toEqual([]);
  });

  it('is legal and no looser than it says, for any task on any cluster', () => {
    let made = 0;
    fc.assert(
      fc.property(taskSpecs, (spec) => {
        const compiled = compiledOr(spec);
        if (compiled === undefined) return;
        made += 1;
        const { pod, networkPolicy, namespacePolicy, podSecurity } = compiled;
        expect(schemaProblems('Pod', pod)).toEqual([]);
        expect(schemaProblems('NetworkPolicy', networkPolicy)).toEqual([]);
        expect(schemaProblems('NetworkPolicy', namespacePolicy)).toEqual([]);
        expect(violated(podSecurity, pod)).toEqual([]);
        // Uid 0 only where it isn't the node's.
        const hasOwnRoot = pod.spec.hostUsers === false || pod.spec.runtimeClassName !== undefined;
        if (podSecurity === 'baseline') expect(hasOwnRoot).toBe(true);
      }),
      { numRuns: 120 },
    );
    expect(made).toBeGreaterThan(20);
  });

  it('hands over every word as it is, though the kubelet rewrites what looks like a variable', () => {
    fc.assert(
      fc.property(taskSpecs, (spec) => {
        const containers = compiledOr(spec)?.pod.spec.initContainers.slice(1) ?? [];
        for (const [index, { args, env }] of containers.entries()) {
          const { command = [], env: variables = {} } = spec.executors[index] ?? {};
          const seen = args.map((each) => expanded(each));
          expect(seen.slice(seen.indexOf('--') + 1)).toEqual(command);
          const own = env.filter((each) => 'value' in each);
          expect(Object.fromEntries(own.map(({ name, value }) => [name, expanded(value)]))).toEqual(
            variables,
          );
        }
      }),
      { numRuns: 300 },
    );
  });

  it('has limits for everything, and gives the executors no more than the sandbox', () => {
    const { pod } = compile(taskSpec());
    for (const { resources } of [...pod.spec.initContainers, ...pod.spec.containers])
      expect(resources.requests).toEqual(resources.limits);
    expect(pod.spec.initContainers[1]?.resources.limits).toEqual({
      cpu: '1500m',
      memory: '2147483648',
      'ephemeral-storage': '10737418240',
    });
  });

  it('lets nobody but the first container write where the parent of executors is', () => {
    const { pod } = compile(taskSpec());
    const mounts = [...pod.spec.initContainers, ...pod.spec.containers].map(({ name, volumeMounts }) => [
      name,
      volumeMounts.find((mount) => mount.name === 'parent')?.readOnly,
    ]);
    expect(mounts).toEqual([
      ['stage-in', false],
      ['executor-0', true],
      ['stage-out', undefined],
    ]);
  });
});

describe('the network of a Pod', () => {
  it('is closed where nothing has one', () => {
    const { networkPolicy, pod, unenforced } = compile(taskSpec());
    expect(networkPolicy.spec).toMatchObject({ policyTypes: ['Ingress', 'Egress'], ingress: [], egress: [] });
    expect(JSON.stringify(pod)).not.toContain('PROXY');
    expect(unenforced).not.toContain('network-by-credential');
  });

  it('is closed to every Pod of the namespace before any policy of a task', () => {
    expect(compile(taskSpec()).namespacePolicy.spec).toEqual({
      podSelector: { matchLabels: {} },
      policyTypes: ['Ingress', 'Egress'],
      ingress: [],
      egress: [],
    });
  });

  it('reaches the proxy and nothing else, and an executor without a network holds no credential for it', () => {
    const { pod, networkPolicy, unenforced } = compile(GOLDEN['egress'] ?? taskSpec());
    expect(networkPolicy.spec.egress).toEqual([
      {
        to: [
          {
            namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'bulkhead-system' } },
            podSelector: { matchLabels: { 'app.kubernetes.io/component': 'egress-proxy' } },
          },
        ],
        ports: [{ protocol: 'TCP', port: 3128 }],
      },
    ]);
    const holders = [...pod.spec.initContainers, ...pod.spec.containers]
      .filter(({ env }) => env.some((each) => 'valueFrom' in each))
      .map(({ name }) => name);
    expect(holders).toEqual(['stage-in', 'executor-1', 'stage-out']);
    expect(unenforced).toContain('network-by-credential');
  });

  it('is refused where there is no proxy, for executors and for staging', () => {
    const { proxy: _proxy, ...cluster } = CLUSTER;
    expect(() => compile(taskSpec({ cluster, sandbox: sandboxOf('standard', { network: 'open' }) }))).toThrow(
      "the sandbox's network is open, and this cluster makes none only",
    );
    expect(() => compile(taskSpec({ cluster, staging: { isRemote: true, allowanceSeconds: 1 } }))).toThrow(
      'stage-in needs the network, and this cluster has no egress proxy',
    );
    expect(kubernetesAbilities(cluster).networks).toEqual(['none']);
  });

  it('selects the proxy by at least one label, never every Pod', () => {
    const proxy = { namespace: 'a', podLabels: {}, port: 1, secret: 's' };
    const open = taskSpec({
      cluster: { ...CLUSTER, proxy },
      sandbox: sandboxOf('standard', { network: 'open' }),
    });
    expect(() => compile(open)).toThrow('labels are empty');
  });
});

describe('what a cluster lacks', () => {
  it.each([
    ['userns', { userNamespaces: false }],
    ['syscall-proxy', { runtimeClasses: {} }],
    ['microvm', { runtimeClasses: {} }],
  ] as const)('isolation by %s is refused, not weakened', (isolation, lack) => {
    const spec = taskSpec({ sandbox: sandboxOf('standard', { isolation }) });
    expect(() => compile(spec)).not.toThrow();
    expect(() => compile({ ...spec, cluster: { ...CLUSTER, ...lack } })).toThrow(`isolation is ${isolation}`);
  });

  it('a user namespace is there also where less was asked for, and uid 0 never without one', () => {
    const asked = { isolation: 'namespace', privilege: 'nonroot' } as const;
    const spec = taskSpec({ sandbox: sandboxOf('standard', asked), executors: AS_USER });
    expect(compile(spec).pod.spec.hostUsers).toBe(false);
    const cluster = { ...CLUSTER, userNamespaces: false };
    expect(compile({ ...spec, cluster })).toMatchObject({
      pod: { spec: { hostUsers: true } },
      podSecurity: 'restricted',
    });
    const root = sandboxOf('standard', { isolation: 'namespace' });
    expect(() => compile({ ...spec, cluster, sandbox: root })).toThrow('would be host root');
  });

  it('is told by name, and only where it is so', () => {
    expect(compile(taskSpec()).unenforced).toEqual([
      'disk-inodes',
      'disk-hard-limit',
      'log-bytes',
      'network-node',
    ]);
    const cluster = { ...CLUSTER, nodes: {}, networkPolicies: false };
    expect(
      compile(taskSpec({ cluster, executors: [{ ...EXECUTOR, image: 'debian:12' }] })).unenforced,
    ).toEqual([
      'image-digest',
      'seccomp-profile',
      'pids',
      'disk-inodes',
      'disk-hard-limit',
      'log-bytes',
      'network-policy',
      'network-node',
    ]);
  });
});

describe('who an executor is', () => {
  it('is never root where the sandbox forbids it, known before the image or not', () => {
    const { user: _user, ...unknown } = EXECUTOR;
    const spec = taskSpec({ sandbox: sandboxOf('strict'), executors: [unknown] });
    const { pod, podSecurity } = compile(spec);
    expect(podSecurity).toBe('restricted');
    expect(pod.spec.initContainers[1]?.securityContext).toMatchObject({ runAsNonRoot: true });
    expect(() => compile({ ...spec, executors: [EXECUTOR] })).toThrow('uid 0');
  });

  it('of an image that nobody looked into is taken for root', () => {
    const { user: _user, ...unknown } = EXECUTOR;
    expect(compile(taskSpec({ executors: [unknown] })).podSecurity).toBe('baseline');
    expect(compile(taskSpec({ executors: AS_USER })).podSecurity).toBe('restricted');
  });
});

describe('what a Pod can’t spell is refused by name', () => {
  it.each([
    ['the root as a shared folder', { trees: ['/'] }, '/: on a cluster'],
    ['a colon', { trees: ['/a:b'] }, '/a:b: a folder of a Pod has no ":"'],
    ['the folder of the parent', { trees: ['/.bulkhead/x'] }, 'belongs to the sandbox'],
    ['a way up', { trees: ['/a/../..'] }, 'has ".."'],
    ['a relative path', { trees: ['a'] }, 'is no absolute path'],
    ['a variable', { executors: [{ ...EXECUTOR, env: { 'A=B': '' } }] }, 'the variable "A=B"'],
    ['an upper-case name', { name: 'Task' }, `can't be the name of a Pod`],
  ])('%s', (_, changes, problem) => {
    expect(() => compile(taskSpec(changes))).toThrow(problem);
  });
});

describe('the end of a Pod', () => {
  it.each([
    [null, undefined],
    [1, 3601],
    [90_500, 3691],
    [Number.MAX_SAFE_INTEGER, 2 ** 31 - 1],
  ])('a wall time of %s ms is %s s after its start at the latest', (wallTimeMs, seconds) => {
    const { limits } = sandboxOf('standard');
    const sandbox = sandboxOf('standard', { limits: { ...limits, wallTimeMs } });
    expect(compile(taskSpec({ sandbox })).pod.spec.activeDeadlineSeconds).toBe(seconds);
  });
});

/** Undefined where the cluster doesn't make it, which it says by a code. */
function compiledOr(spec: TaskSpec): CompiledTask | undefined {
  try {
    return compile(spec);
  } catch (error) {
    if (isBulkheadError(error) && error.code === 'runtime') return undefined;
    throw error;
  }
}

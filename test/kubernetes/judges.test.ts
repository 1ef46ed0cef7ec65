import { describe, expect, it } from 'vitest';
import { schemaProblems } from './openapi.ts';
import { CONTROLS, violated, type LoosePod } from './pod-security.ts';

/** Meets all of it. */
const POD: LoosePod = {
  spec: {
    securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
    initContainers: [],
    containers: [{ securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } } }],
    volumes: [{ name: 'a', emptyDir: {} }],
  },
};

function pod(changes: Partial<LoosePod['spec']>): LoosePod {
  return { ...POD, spec: { ...POD.spec, ...changes } };
}

function withContext(changes: object): LoosePod {
  const [first] = POD.spec.containers;
  return pod({
    // An init container too is looked at.
    initContainers: [{ ...first, securityContext: { ...first?.securityContext, ...changes } }],
  });
}

describe('the Pod Security Standards, as the tests have them', () => {
  it('pass a Pod that meets them', () => {
    expect(violated('restricted', POD)).toEqual([]);
  });

  const offences: readonly (readonly [string, LoosePod])[] = [
    ['HostProcess', withContext({ windowsOptions: { hostProcess: true } })],
    ['Host Namespaces', pod({ hostNetwork: false, hostPID: true })],
    ['Privileged Containers', withContext({ privileged: true })],
    ['Capabilities', withContext({ capabilities: { drop: ['ALL'], add: ['SYS_ADMIN'] } })],
    ['HostPath Volumes', pod({ volumes: [{ name: 'a', hostPath: { path: '/' } }] })],
    ['Host Ports', pod({ containers: [{ ...POD.spec.containers[0], ports: [{ hostPort: 80 }] }] })],
    [
      'Host Probes / Lifecycle Hooks',
      pod({
        containers: [{ ...POD.spec.containers[0], livenessProbe: { tcpSocket: { host: '10.0.0.1' } } }],
      }),
    ],
    ['AppArmor', withContext({ appArmorProfile: { type: 'Unconfined' } })],
    ['SELinux', withContext({ seLinuxOptions: { type: 'spc_t' } })],
    ['/proc Mount Type', withContext({ procMount: 'Unmasked' })],
    ['Seccomp', withContext({ seccompProfile: { type: 'Unconfined' } })],
    [
      'Sysctls',
      pod({ securityContext: { ...POD.spec.securityContext, sysctls: [{ name: 'kernel.msgmax' }] } }),
    ],
    ['Volume Types', pod({ volumes: [{ name: 'a', nfs: {} }] })],
    ['Privilege Escalation', withContext({ allowPrivilegeEscalation: true })],
    ['Running as Non-root', withContext({ runAsNonRoot: false })],
    ['Running as Non-root user', withContext({ runAsUser: 0 })],
    ['Seccomp, set', pod({ securityContext: { runAsNonRoot: true } })],
    ['Capabilities, dropped', withContext({ capabilities: { drop: ['KILL'] } })],
  ];

  it.each(offences)('%s: one that violates it is found', (name, offender) => {
    expect(violated('restricted', offender)).toContain(name);
    const level = CONTROLS.find((control) => control.name === name)?.level;
    expect(violated('baseline', offender).includes(name)).toBe(level === 'baseline');
  });

  it('are tried, each of them', () => {
    expect(offences.map(([name]) => name)).toEqual(CONTROLS.map(({ name }) => name));
  });
});

describe("Kubernetes' own OpenAPI schema, as the tests have it", () => {
  const least = { apiVersion: 'v1', kind: 'Pod', spec: { containers: [{ name: 'a' }] } };

  it('passes the least that is a Pod', () => {
    expect(schemaProblems('Pod', least)).toEqual([]);
  });

  it.each([
    ['a field of another type', { hostUsers: 'no' }, '/spec/hostUsers'],
    ['a field that there is none of', { hostUser: false }, '/spec/hostUser'],
    ['a container without a name', { containers: [{ image: 'a' }] }, '/spec/containers/0'],
    ['a field deep inside', { volumes: [{ name: 'a', emptyDir: { size: '1' } }] }, '/emptyDir/size'],
  ])('finds %s', (_, changes, place) => {
    const problems = schemaProblems('Pod', { ...least, spec: { ...least.spec, ...changes } });
    expect(problems.join('\n')).toContain(place);
  });

  it('finds a port of a NetworkPolicy that is none', () => {
    const spec = { podSelector: {}, egress: [{ ports: [{ port: true }] }] };
    expect(schemaProblems('NetworkPolicy', { spec })).not.toEqual([]);
  });
});

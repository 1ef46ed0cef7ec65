/**
 * The Pod Security Standards as a table of their controls, by the names of Kubernetes' documentation ("Pod Security
 * Standards", v1.37): of each, the fields that it restricts and the values that it allows. `restricted` includes `baseline`. Since
 * v1.35 a Pod with a user namespace of its own may have uid 0 in `restricted` too; this table has the older, stricter rule.
 */
export interface Control {
  readonly name: string;
  readonly level: 'baseline' | 'restricted';
  /** Whether the Pod meets it. */
  readonly isMet: (pod: LoosePod) => boolean;
}

/** As anybody may send one. */
export interface LoosePod {
  readonly metadata?: { readonly name?: string; readonly annotations?: Readonly<Record<string, string>> };
  readonly spec: LooseSpec;
}

interface LooseSpec {
  readonly hostNetwork?: boolean;
  readonly hostPID?: boolean;
  readonly hostIPC?: boolean;
  readonly securityContext?: LooseContext & {
    readonly sysctls?: readonly { readonly name: string }[];
  };
  readonly containers: readonly LooseContainer[];
  readonly initContainers?: readonly LooseContainer[];
  readonly ephemeralContainers?: readonly LooseContainer[];
  readonly volumes?: readonly object[];
}

interface LooseContainer {
  readonly ports?: readonly { readonly hostPort?: number }[];
  readonly securityContext?: LooseContext;
  readonly livenessProbe?: LooseHandler;
  readonly readinessProbe?: LooseHandler;
  readonly startupProbe?: LooseHandler;
  readonly lifecycle?: { readonly postStart?: LooseHandler; readonly preStop?: LooseHandler };
}

interface LooseHandler {
  readonly httpGet?: { readonly host?: string };
  readonly tcpSocket?: { readonly host?: string };
}

interface LooseContext {
  readonly windowsOptions?: { readonly hostProcess?: boolean };
  readonly privileged?: boolean;
  readonly capabilities?: { readonly add?: readonly string[]; readonly drop?: readonly string[] };
  readonly appArmorProfile?: { readonly type: string };
  readonly seLinuxOptions?: { readonly type?: string; readonly user?: string; readonly role?: string };
  readonly procMount?: string;
  readonly seccompProfile?: { readonly type: string };
  readonly allowPrivilegeEscalation?: boolean;
  readonly runAsNonRoot?: boolean;
  readonly runAsUser?: number;
}

/** Names of the controls of a level that a Pod doesn't meet. */
export function violated(level: Control['level'], pod: LoosePod): string[] {
  return CONTROLS.filter((control) => level === 'restricted' || control.level === 'baseline')
    .filter(({ isMet }) => !isMet(pod))
    .map(({ name }) => name);
}

const BASELINE_CAPABILITIES = [
  'AUDIT_WRITE',
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'MKNOD',
  'NET_BIND_SERVICE',
  'SETFCAP',
  'SETGID',
  'SETPCAP',
  'SETUID',
  'SYS_CHROOT',
];

const SAFE_SYSCTLS = [
  'kernel.shm_rmid_forced',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.ip_local_reserved_ports',
  'net.ipv4.ip_unprivileged_port_start',
  'net.ipv4.ping_group_range',
  'net.ipv4.tcp_fin_timeout',
  'net.ipv4.tcp_keepalive_intvl',
  'net.ipv4.tcp_keepalive_probes',
  'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_notsent_lowat',
  'net.ipv4.tcp_rmem',
  'net.ipv4.tcp_slow_start_after_idle',
  'net.ipv4.tcp_syncookies',
  'net.ipv4.tcp_wmem',
];

const VOLUME_TYPES = [
  'configMap',
  'csi',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'image',
  'persistentVolumeClaim',
  'projected',
  'secret',
];

const APPARMOR = 'container.apparmor.security.beta.kubernetes.io/';

export const CONTROLS: readonly Control[] = [
  baseline('HostProcess', (pod) => all(pod, ({ windowsOptions }) => windowsOptions?.hostProcess !== true)),
  baseline('Host Namespaces', ({ spec }) => ![spec.hostNetwork, spec.hostPID, spec.hostIPC].includes(true)),
  baseline('Privileged Containers', (pod) => each(pod, ({ privileged }) => privileged !== true)),
  baseline('Capabilities', (pod) =>
    each(pod, ({ capabilities }) => isSubset(capabilities?.add, BASELINE_CAPABILITIES)),
  ),
  baseline('HostPath Volumes', ({ spec: { volumes = [] } }) =>
    volumes.every((volume) => !('hostPath' in volume)),
  ),
  baseline('Host Ports', (pod) =>
    containersOf(pod).every(({ ports = [] }) => ports.every(({ hostPort = 0 }) => hostPort === 0)),
  ),
  baseline('Host Probes / Lifecycle Hooks', (pod) =>
    containersOf(pod)
      .flatMap(handlersOf)
      .every((handler) => (handler?.httpGet?.host ?? '') === '' && (handler?.tcpSocket?.host ?? '') === ''),
  ),
  baseline(
    'AppArmor',
    (pod) =>
      all(pod, ({ appArmorProfile }) => appArmorProfile?.type !== 'Unconfined') &&
      Object.entries(pod.metadata?.annotations ?? {}).every(
        ([key, value]) =>
          !key.startsWith(APPARMOR) || value === 'runtime/default' || value.startsWith('localhost/'),
      ),
  ),
  baseline('SELinux', (pod) =>
    all(
      pod,
      ({ seLinuxOptions: { type = '', user = '', role = '' } = {} }) =>
        ['', 'container_t', 'container_init_t', 'container_kvm_t', 'container_engine_t'].includes(type) &&
        user === '' &&
        role === '',
    ),
  ),
  baseline('/proc Mount Type', (pod) => each(pod, ({ procMount = 'Default' }) => procMount === 'Default')),
  baseline('Seccomp', (pod) => all(pod, ({ seccompProfile }) => seccompProfile?.type !== 'Unconfined')),
  baseline('Sysctls', ({ spec }) =>
    (spec.securityContext?.sysctls ?? []).every(({ name }) => SAFE_SYSCTLS.includes(name)),
  ),
  restricted('Volume Types', ({ spec: { volumes = [] } }) =>
    volumes.every((volume) =>
      Object.keys(volume).every((key) => key === 'name' || VOLUME_TYPES.includes(key)),
    ),
  ),
  restricted('Privilege Escalation', (pod) =>
    each(pod, ({ allowPrivilegeEscalation }) => allowPrivilegeEscalation === false),
  ),
  restricted('Running as Non-root', (pod) =>
    each(pod, ({ runAsNonRoot = pod.spec.securityContext?.runAsNonRoot }) => runAsNonRoot === true),
  ),
  restricted('Running as Non-root user', (pod) => all(pod, ({ runAsUser }) => runAsUser !== 0)),
  restricted('Seccomp, set', (pod) =>
    each(pod, ({ seccompProfile = pod.spec.securityContext?.seccompProfile }) =>
      ['RuntimeDefault', 'Localhost'].includes(seccompProfile?.type ?? ''),
    ),
  ),
  restricted('Capabilities, dropped', (pod) =>
    each(
      pod,
      ({ capabilities }) =>
        (capabilities?.drop ?? []).includes('ALL') && isSubset(capabilities?.add, ['NET_BIND_SERVICE']),
    ),
  ),
];

function baseline(name: string, isMet: Control['isMet']): Control {
  return { name, level: 'baseline', isMet };
}

function restricted(name: string, isMet: Control['isMet']): Control {
  return { name, level: 'restricted', isMet };
}

function containersOf({ spec }: LoosePod): LooseContainer[] {
  return [...(spec.initContainers ?? []), ...spec.containers, ...(spec.ephemeralContainers ?? [])];
}

function handlersOf(container: LooseContainer): (LooseHandler | undefined)[] {
  const { livenessProbe, readinessProbe, startupProbe, lifecycle } = container;
  return [livenessProbe, readinessProbe, startupProbe, lifecycle?.postStart, lifecycle?.preStop];
}

/** Of every container. */
function each(pod: LoosePod, isMet: (context: LooseContext) => boolean): boolean {
  return containersOf(pod).every(({ securityContext = {} }) => isMet(securityContext));
}

/** Of every container and of the Pod. */
function all(pod: LoosePod, isMet: (context: LooseContext) => boolean): boolean {
  return isMet(pod.spec.securityContext ?? {}) && each(pod, isMet);
}

function isSubset(values: readonly string[] = [], allowed: readonly string[]): boolean {
  return values.every((value) => allowed.includes(value));
}

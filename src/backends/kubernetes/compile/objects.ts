/** The parts of Kubernetes' objects that are made here, in the words of its API. Nothing is left to a default that could loosen it. */
export interface Pod {
  readonly apiVersion: 'v1';
  readonly kind: 'Pod';
  readonly metadata: Metadata;
  readonly spec: PodSpec;
}

interface Metadata {
  readonly name: string;
  readonly namespace: string;
  readonly labels: Labels;
}

export type Labels = Readonly<Record<string, string>>;

interface PodSpec {
  readonly restartPolicy: 'Never';
  readonly automountServiceAccountToken: false;
  readonly enableServiceLinks: false;
  readonly hostNetwork: false;
  readonly hostPID: false;
  readonly hostIPC: false;
  readonly shareProcessNamespace: false;
  /** False: a user namespace of the Pod's own. */
  readonly hostUsers?: boolean;
  readonly runtimeClassName?: string;
  readonly os: { readonly name: 'linux' };
  readonly nodeSelector: Labels;
  readonly hostname: string;
  readonly dnsPolicy: 'None';
  readonly dnsConfig: {
    readonly nameservers: readonly string[];
    readonly options: readonly { readonly name: string; readonly value: string }[];
  };
  readonly securityContext: PodSecurityContext;
  readonly activeDeadlineSeconds?: number;
  readonly terminationGracePeriodSeconds: number;
  readonly initContainers: readonly Container[];
  readonly containers: readonly Container[];
  readonly volumes: readonly Volume[];
}

export interface PodSecurityContext {
  readonly runAsNonRoot?: true;
  readonly seccompProfile: SeccompChoice;
  readonly sysctls?: readonly { readonly name: string; readonly value: string }[];
}

export interface Container {
  readonly name: string;
  readonly image: string;
  readonly imagePullPolicy: 'IfNotPresent';
  readonly command: readonly string[];
  readonly args: readonly string[];
  readonly env: readonly EnvironmentVariable[];
  readonly workingDir?: string;
  readonly resources: { readonly requests: Quantities; readonly limits: Quantities };
  readonly securityContext: SecurityContext;
  readonly terminationMessagePolicy: 'File';
  readonly volumeMounts: readonly VolumeMount[];
}

export interface SecurityContext {
  readonly privileged: false;
  readonly allowPrivilegeEscalation: boolean;
  readonly capabilities: { readonly drop: readonly ['ALL']; readonly add?: readonly string[] };
  readonly readOnlyRootFilesystem: boolean;
  readonly runAsNonRoot?: true;
  readonly runAsUser?: number;
  readonly runAsGroup?: number;
  readonly seccompProfile: SeccompChoice;
}

export type SeccompChoice =
  | { readonly type: 'RuntimeDefault' }
  | { readonly type: 'Localhost'; readonly localhostProfile: string };

export type EnvironmentVariable =
  | { readonly name: string; readonly value: string }
  | {
      readonly name: string;
      readonly valueFrom: { readonly secretKeyRef: { readonly name: string; readonly key: string } };
    };

/** In the spelling of Kubernetes: `500m` of a core, bytes as digits. */
export interface Quantities {
  readonly cpu: string;
  readonly memory: string;
  readonly 'ephemeral-storage': string;
}

export interface VolumeMount {
  readonly name: string;
  readonly mountPath: string;
  readonly readOnly: boolean;
}

export interface Volume {
  readonly name: string;
  readonly emptyDir: { readonly medium?: 'Memory'; readonly sizeLimit: string };
}

export interface NetworkPolicy {
  readonly apiVersion: 'networking.k8s.io/v1';
  readonly kind: 'NetworkPolicy';
  readonly metadata: Metadata;
  readonly spec: {
    readonly podSelector: { readonly matchLabels: Labels };
    readonly policyTypes: readonly ['Ingress', 'Egress'];
    readonly ingress: readonly [];
    readonly egress: readonly EgressRule[];
  };
}

export interface EgressRule {
  readonly to: readonly {
    readonly namespaceSelector: { readonly matchLabels: Labels };
    readonly podSelector: { readonly matchLabels: Labels };
  }[];
  readonly ports: readonly { readonly protocol: 'TCP'; readonly port: number }[];
}

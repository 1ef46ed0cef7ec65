import type { Sandbox } from '../../../sandbox/sandbox.ts';

/** Everything that a task's Pod depends on; nothing is looked up. */
export interface TaskSpec {
  readonly sandbox: Sandbox;
  /** The attempt's: a label of RFC 1123, also the Pod's name. */
  readonly name: string;
  readonly namespace: string;
  readonly executors: readonly ExecutorPlan[];
  /** Absolute paths of the folders that the executors share; none in another. */
  readonly trees: readonly string[];
  readonly staging: {
    /** Whether an input or an output is somewhere remote. */
    readonly isRemote: boolean;
    /** How long images, inputs and outputs may take beside the wall time before the Pod is ended as a whole. */
    readonly allowanceSeconds: number;
  };
  readonly cluster: Cluster;
}

export interface ExecutorPlan {
  /** By digest (`NAME@sha256:…`) once it was resolved. */
  readonly image: string;
  /** As inspection found it in the image; undefined before. */
  readonly user?: { readonly uid: number; readonly gid: number };
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly workdir?: string;
  readonly stdin?: string;
  readonly stdout?: string;
  readonly stderr?: string;
}

/** What is known of the cluster, from its configuration. */
export interface Cluster {
  /** What stages, and brings the parent of executors. */
  readonly agent: { readonly image: string; readonly cpuCores: number; readonly memoryBytes: number };
  /** `hostUsers: false` works: containerd 2.0, runc 1.2, id-mapped mounts on every node. */
  readonly userNamespaces: boolean;
  /** Names of the RuntimeClasses of gVisor and Kata, where there are. */
  readonly runtimeClasses: { readonly 'syscall-proxy'?: string; readonly microvm?: string };
  /** The network plug-in enforces NetworkPolicy; many do nothing with one. */
  readonly networkPolicies: boolean;
  /** The egress proxy; undefined: there is no way out. */
  readonly proxy?: EgressProxy;
  /** What nodes were prepared with; each left out is reported as unenforced. */
  readonly nodes: {
    /** Files below the kubelet's `seccomp` folder. */
    readonly seccomp?: { readonly standard: string; readonly ptrace: string };
    /** The kubelet's `podPidsLimit`. */
    readonly podPidsLimit?: number;
  };
}

export interface EgressProxy {
  readonly namespace: string;
  /** Of its Pods; at least one. */
  readonly podLabels: Readonly<Record<string, string>>;
  readonly port: number;
  /**
   * The Secret that has, for each container, the proxy's URL with its credential: `stage-in`, `executor-0` … Containers of a
   * Pod share its network; who holds no credential is let nowhere.
   */
  readonly secret: string;
}

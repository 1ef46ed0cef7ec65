/** The resolved, backend-neutral description of one task's isolation: what will be enforced. Pure data. */
export interface Sandbox extends ExecutorSandbox {
  readonly limits: Limits;
  /** What isn't the same for every executor; see `executorSandbox`. */
  readonly executors?: readonly ExecutorException[];
  /** Ids of the site's rules that decided something of it. */
  readonly rules?: readonly string[];
}

/** The part of a sandbox that each executor may have otherwise. */
export interface ExecutorSandbox {
  /** The preset that it began with. */
  readonly profile: string;
  readonly isolation: Isolation;
  readonly privilege: Privilege;
  readonly network: NetworkMode;
  /** What may be reached, as `host:port`; there where `network` is `egress`, and only there. */
  readonly egress?: readonly string[];
  readonly rootfs: RootFs;
  readonly compat: readonly Compat[];
}

export interface ExecutorException extends ExecutorSandbox {
  /** From 0. */
  readonly index: number;
  readonly pids: number;
}

/** Strongest first. */
export const ISOLATIONS = ['microvm', 'syscall-proxy', 'userns', 'namespace'] as const;
export type Isolation = (typeof ISOLATIONS)[number];

/**
 * Strongest first. `root-capless` runs the image's own user, which may be uid 0 inside the user namespace and
 * then has no capability; `root-mapped` adds a fixed list of capabilities that hold inside the namespace only.
 */
export const PRIVILEGES = ['nonroot', 'root-capless', 'root-mapped'] as const;
export type Privilege = (typeof PRIVILEGES)[number];

export const NETWORK_MODES = ['none', 'egress', 'open'] as const;
export type NetworkMode = (typeof NETWORK_MODES)[number];

export const ROOT_FILE_SYSTEMS = ['readonly', 'ephemeral'] as const;
export type RootFs = (typeof ROOT_FILE_SYSTEMS)[number];

export const COMPATS = ['ptrace'] as const;
export type Compat = (typeof COMPATS)[number];

export interface Limits {
  /** Cores; may be fractional. */
  readonly cpuCores: number;
  readonly memoryBytes: number;
  readonly diskBytes: number;
  readonly diskInodes: number;
  readonly pids: number;
  readonly openFiles: number;
  /** Bytes kept of each of stdout and stderr of each executor. */
  readonly logBytes: number;
  /** Milliseconds from the start of the first executor; null: no limit. */
  readonly wallTimeMs: number | null;
  /** Milliseconds in QUEUED; null: no limit. */
  readonly queueTimeMs: number | null;
}

/** Grades of evidence, weakest first. */
export const GRADES = ['requested', 'configured', 'observed', 'probed'] as const;
export type Grade = (typeof GRADES)[number];

/** What is known of the enforcement for one executor. */
export interface Evidence {
  readonly grade: Grade;
  /** SHA-256, in hex, of the runtime's configuration as it was handed over. */
  readonly configSha256: string;
  readonly imageDigest: string;
  /** Such as `runc 1.1.5`. */
  readonly runtime: string;
  /** What was read from outside before the first instruction, by name. */
  readonly observed: Readonly<Record<string, string>>;
  /** Controls of the sandbox that this host couldn't enforce, by name. */
  readonly unenforced: readonly string[];
}

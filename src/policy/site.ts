import type { Profile } from '../sandbox/profiles.ts';
import type { EnforcementPolicy } from './enforcement.ts';

/**
 * What the operator grants: the `policy` part of the configuration, with durations and sizes already parsed.
 * Keys are those of the configuration file, so that a refusal can say where its limit is written.
 */
export interface SitePolicy extends EnforcementPolicy {
  readonly defaults: SiteDefaults;
  readonly ceilings: SiteCeilings;
  /** The site's own profiles by name, beside the built-in ones, which they can't replace. */
  readonly profiles: Readonly<Record<string, Profile>>;
}

/** What a task gets where it doesn't say. */
export interface SiteDefaults {
  /** `strict`, `standard`, `mapped-root`, or one of `profiles`. */
  readonly profile: string;
  readonly cpu_cores: number;
  /** Of 2³⁰ bytes. */
  readonly ram_gb: number;
  /** Of 2³⁰ bytes. */
  readonly disk_gb: number;
  /** Null: one for every 16 KiB of disk, as `mke2fs` would. */
  readonly disk_inodes: number | null;
  readonly pids: number;
  readonly open_files: number;
  /** Bytes kept of each of stdout and stderr of each executor. */
  readonly log_bytes: number;
  /** Wall time in milliseconds, from the start of the first executor; null: no limit. */
  readonly timeout: number | null;
  /** Milliseconds in QUEUED; null: no limit. */
  readonly queue_time: number | null;
}

/** The most that a task may ask for; what is left out is bounded by the machine alone. */
export interface SiteCeilings {
  readonly cpu_cores?: number;
  readonly ram_gb?: number;
  readonly disk_gb?: number;
}

/** The policy of a site that configures none. */
export const DEFAULT_SITE_POLICY: SitePolicy = {
  defaults: {
    profile: 'standard',
    cpu_cores: 1,
    ram_gb: 2,
    disk_gb: 10,
    disk_inodes: null,
    pids: 1024,
    open_files: 65_536,
    log_bytes: 64 * 2 ** 20,
    timeout: null,
    queue_time: null,
  },
  ceilings: {},
  profiles: {},
  require_enforced: false,
  may_be_unenforced: [],
};

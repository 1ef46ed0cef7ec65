import type { Profile } from '../sandbox/profiles.ts';
import type { EnforcementPolicy } from './enforcement.ts';
import type { Grants, Values } from './fields.ts';
import type { Match } from './match.ts';

/**
 * What the operator grants: the `policy` part of the configuration, with durations, sizes and endpoints already parsed.
 * Keys are those of the configuration file, so that a refusal can say where its limit is written.
 */
export interface SitePolicy extends EnforcementPolicy {
  readonly defaults: SiteDefaults;
  readonly ceilings: Preset;
  readonly floors: Floors;
  readonly storage: StorageGrants;
  /** The site's own profiles by name, beside the built-in ones, which they can't replace. */
  readonly profiles: Readonly<Record<string, Profile>>;
  /** The first that matches and has a word on a field decides it; what none has a word on is the site's. */
  readonly rules: readonly Rule[];
  /** Tags named as sandbox parameters count as such. */
  readonly tags: boolean;
}

/** Locations below which a task may read and write; one that is left out is as the storages of the site have it. */
export interface StorageGrants {
  readonly read?: readonly string[] | undefined;
  readonly write?: readonly string[] | undefined;
}

/** Some of the fields, and a profile for those of its fields that are left out. */
export type Preset = Grants & { readonly profile?: string | undefined };

/** The least strength that a task may have, asked for or not. */
export type Floors = {
  readonly [F in 'isolation' | 'privilege' | 'network' | 'rootfs']?: Values[F] | undefined;
};

export interface Rule {
  /** Appears wherever it decided something. */
  readonly id: string;
  readonly match: Match;
  readonly defaults: Preset;
  readonly ceilings: Preset;
  readonly floors: Floors;
  readonly storage: StorageGrants;
  /** Why such a task is refused; null: it isn't, whatever a later rule says. */
  readonly refuse?: string | null | undefined;
}

/** What a task gets where it doesn't say. */
export interface SiteDefaults extends Preset {
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
  floors: {},
  storage: {},
  profiles: {},
  rules: [],
  tags: true,
  require_enforced: false,
  may_be_unenforced: [],
};

import type { Config } from './config/schema.ts';
import type { SitePolicy } from './policy/site.ts';

/** The site's policy as the configuration has it, in the policy's own words. */
export function sitePolicy({ policy, limits }: Config): SitePolicy {
  const { profile, cpu_cores, ram_gb, disk_gb, disk_inodes, pids, open_files, timeout, queue_timeout } =
    policy.defaults;
  return {
    defaults: {
      profile,
      cpu_cores,
      ram_gb,
      disk_gb,
      disk_inodes: disk_inodes === 'auto' ? null : disk_inodes,
      pids,
      open_files,
      log_bytes: limits.stdio_bytes,
      timeout,
      queue_time: queue_timeout,
    },
    ceilings: policy.ceilings,
    floors: {},
    profiles: {},
    rules: [],
    tags: true,
    require_enforced: policy.require_enforced,
    may_be_unenforced: policy.may_be_unenforced,
  };
}

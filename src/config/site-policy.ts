import type { Preset, SitePolicy } from '../policy/site.ts';
import { parseEndpoint } from '../sandbox/endpoint.ts';
import type { Config } from './schema.ts';

type Policy = Config['policy'];

/** The site's policy as the configuration has it, in the policy's own words. */
export function sitePolicy({ policy, limits }: Pick<Config, 'policy' | 'limits'>): SitePolicy {
  const { disk_inodes, open_files, queue_timeout, timeout, ...defaults } = policy.defaults;
  return {
    defaults: {
      ...defaults,
      egress: endpoints(defaults.egress),
      disk_inodes: disk_inodes === 'auto' ? null : disk_inodes,
      open_files,
      log_bytes: limits.stdio_bytes,
      timeout,
      queue_time: queue_timeout,
    },
    ceilings: preset(policy.ceilings),
    floors: policy.floors,
    storage: policy.storage,
    profiles: policy.profiles,
    rules: policy.rules.map(({ defaults: own, ceilings, refuse, ...rule }) => ({
      ...rule,
      defaults: preset(own),
      ceilings: preset(ceilings),
      ...(refuse === undefined ? {} : { refuse: refuse === 'none' ? null : refuse }),
    })),
    tags: policy.tags,
    require_enforced: policy.require_enforced,
    may_be_unenforced: policy.may_be_unenforced,
  };
}

function preset(written: Policy['ceilings']): Preset {
  return { ...written, egress: endpoints(written.egress) };
}

/** What is no endpoint is told of where contradictions are. */
function endpoints(written: readonly string[] | undefined): Preset['egress'] {
  return written?.map(parseEndpoint).filter((endpoint) => endpoint !== undefined);
}

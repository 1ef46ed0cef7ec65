import { formatEndpoint } from '../sandbox/endpoint.ts';
import { executorViolations } from '../sandbox/invariants.ts';
import { PROFILES } from '../sandbox/profiles.ts';
import { EXECUTOR_FIELDS, SCALES, TASK_FIELDS } from './fields.ts';
import type { Field, Values } from './fields.ts';
import { find, profilesOf } from './levels.ts';
import { parseLocation } from './locations.ts';
import type { Match } from './match.ts';
import type { Floors, Preset, Rule, SitePolicy, StorageGrants } from './site.ts';

export interface SiteProblem {
  /** Of the policy, dotted: `rules[2].ceilings.profile`. */
  readonly path: string;
  readonly problem: string;
}

/** What an operator can't have meant, found before a task is asked for anything; empty where all is well. Pure, total. */
export function siteProblems(site: SitePolicy): readonly SiteProblem[] {
  const found = [
    ...profileProblems(site),
    ...namingProblems(site, ''),
    ...storageProblems(site.storage, 'storage'),
    ...site.rules.flatMap((rule, at) => ruleProblems(site, rule, at)),
    ...repeatedIds(site.rules),
  ];
  // What follows from a name that is none would be told in other words.
  return found.length > 0 ? found : [...aboveCeilings(site), ...impossibleDefaults(site)];
}

function profileProblems({ profiles }: SitePolicy): SiteProblem[] {
  return Object.entries(profiles).flatMap(([name, profile]) => {
    const path = `profiles.${name}`;
    if (Object.hasOwn(PROFILES, name))
      return [{ path, problem: 'is the name of a built-in profile, which none replaces; choose another' }];
    return executorViolations({ ...profile, profile: name }).map((problem) => ({ path, problem }));
  });
}

/** Profiles that don't exist, of the site or of a rule. */
function namingProblems(
  site: SitePolicy,
  at: string,
  level: { readonly defaults: Preset; readonly ceilings: Preset } = site,
): SiteProblem[] {
  const known = profilesOf(site);
  return (['defaults', 'ceilings'] as const).flatMap((part) => {
    const { profile } = level[part];
    if (profile === undefined || known.has(profile)) return [];
    const names = [...known.keys()].join(', ');
    return [
      { path: `${at}${part}.profile`, problem: `there is no profile "${profile}"; known are ${names}` },
    ];
  });
}

function ruleProblems(site: SitePolicy, rule: Rule, index: number): SiteProblem[] {
  const at = `rules[${index}]`;
  return [
    ...namingProblems(site, `${at}.`, rule),
    ...storageProblems(rule.storage, `${at}.storage`),
    ...emptyMatches(rule.match, `${at}.match`),
    ...(hasEffect(rule)
      ? []
      : [
          {
            path: at,
            problem: `${rule.id} decides nothing: give it defaults, ceilings, floors, storage or refuse`,
          },
        ]),
  ];
}

function storageProblems(storage: StorageGrants, at: string): SiteProblem[] {
  return (['read', 'write'] as const).flatMap((use) =>
    (storage[use] ?? []).flatMap((location, index) =>
      parseLocation(location) === undefined
        ? [
            {
              path: `${at}.${use}[${index}]`,
              problem: `${location} is neither an absolute path nor a URL that can be read in one way only`,
            },
          ]
        : [],
    ),
  );
}

/** A list of nothing is matched by nobody: a rule that never holds is a mistake. */
function emptyMatches(match: Match, at: string): SiteProblem[] {
  return Object.entries(match)
    .filter(([, list]) => Array.isArray(list) && list.length === 0)
    .map(([name]) => ({
      path: `${at}.${name}`,
      problem: 'is empty, so that no task matches; remove it or fill it',
    }));
}

function hasEffect({ defaults, ceilings, floors, storage, refuse }: Rule): boolean {
  const words: readonly (Preset | Floors | StorageGrants)[] = [defaults, ceilings, floors, storage];
  return (
    refuse !== undefined || words.some((part) => Object.values(part).some((value) => value !== undefined))
  );
}

function repeatedIds(rules: readonly Rule[]): SiteProblem[] {
  return rules.flatMap(({ id }, at) =>
    rules.findIndex((other) => other.id === id) < at
      ? [{ path: `rules[${at}].id`, problem: `${id} is the name of an earlier rule; choose another` }]
      : [],
  );
}

/** Of one level: what a task would get unasked, and may not ask for. */
function aboveCeilings(site: SitePolicy): SiteProblem[] {
  const fields: readonly Field[] = [...EXECUTOR_FIELDS, ...TASK_FIELDS];
  return fields.flatMap((field) => {
    const byDefault = site.defaults[field];
    const problem = byDefault === undefined ? undefined : aboveCeiling(site, field, site.defaults);
    return problem === undefined ? [] : [{ path: `defaults.${field}`, problem }];
  });
}

function aboveCeiling<F extends Field>(
  site: SitePolicy,
  field: F,
  { [field]: own }: { readonly [P in F]?: Values[P] | undefined },
): string | undefined {
  const ceiling = find(site, [{ ...site, defaults: {} }], 'ceilings', field);
  if (own === undefined || ceiling === undefined || SCALES[field].isWithin(own, ceiling.value))
    return undefined;
  return `is above policy.ceilings.${field}: a task that asks for nothing would get more than it may ask for. Lower the default or raise the ceiling`;
}

/** Of the site's defaults together, as a task that asks for nothing has them. */
function impossibleDefaults(site: SitePolicy): SiteProblem[] {
  const profile = profilesOf(site).get(site.defaults.profile);
  if (profile === undefined) return [];
  const { isolation, privilege, network, egress, rootfs, compat } = site.defaults;
  const listed = egress?.map(formatEndpoint) ?? profile.egress ?? [];
  const mode = network ?? profile.network;
  const together = {
    profile: site.defaults.profile,
    isolation: isolation ?? profile.isolation,
    privilege: privilege ?? profile.privilege,
    network: mode,
    ...(mode === 'egress' ? { egress: listed } : {}),
    rootfs: rootfs ?? profile.rootfs,
    compat: compat ?? profile.compat,
  };
  return executorViolations(together).map((problem) => ({ path: 'defaults', problem }));
}

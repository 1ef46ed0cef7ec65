import { BulkheadError } from '../errors.ts';
import { parseEndpoint } from '../sandbox/endpoint.ts';
import { PROFILES } from '../sandbox/profiles.ts';
import type { Profile } from '../sandbox/profiles.ts';
import { SCALES } from './fields.ts';
import type { Field, Grants, Values } from './fields.ts';
import { matches } from './match.ts';
import type { Candidate } from './match.ts';
import type { Floors, Preset, SitePolicy, StorageGrants } from './site.ts';

/** What one rule says of a task, or, without a rule, the site. */
export interface Level {
  readonly rule?: string;
  readonly defaults: Preset;
  readonly ceilings: Preset;
  readonly floors: Floors;
  readonly storage: StorageGrants;
}

/** Where a value is written. */
export interface Source {
  /** The id of a rule; the site where it is left out. */
  readonly rule?: string;
  /** `ceilings.privilege`; or what isn't of the configuration, such as `this machine`. */
  readonly key: string;
}

export interface Found<T> {
  readonly value: T;
  readonly source: Source;
}

/** The rules that match, in their order, then the site: what the first has a word on is decided. */
export function levelsFor(site: SitePolicy, candidate: Candidate): readonly Level[] {
  const rules = site.rules.filter(({ match }) => matches(match, candidate));
  return [...rules.map(({ id, ...level }) => ({ ...level, rule: id })), site];
}

/** The first word on a field; within a level, its own stands over its profile's. */
export function find<F extends Field>(
  site: SitePolicy,
  levels: readonly Level[],
  part: 'defaults' | 'ceilings' | 'floors',
  field: F,
): Found<Values[F]> | undefined {
  for (const level of levels) {
    const { profile }: Preset = level[part];
    const grants: Grants = level[part];
    const own = grants[field];
    if (own !== undefined) return { value: own, source: sourceIn(level, `${part}.${field}`) };
    const preset = profile === undefined ? undefined : presetOf(site, profile)[field];
    if (preset !== undefined)
      return { value: preset, source: sourceIn(level, `${part}.profile: ${profile}`) };
  }
  return undefined;
}

/** The profile that a task begins with unless it asks for one. */
export function defaultProfile(site: SitePolicy, levels: readonly Level[]): Found<string> {
  for (const level of levels) {
    const { profile } = level.defaults;
    if (profile !== undefined)
      return { value: profile, source: sourceIn(level, `defaults.profile: ${profile}`) };
  }
  return { value: site.defaults.profile, source: { key: 'defaults.profile' } };
}

/** Of every field but egress, the site itself has a default. */
export function defaultOf<F extends Exclude<Field, 'egress'>>(
  site: SitePolicy,
  levels: readonly Level[],
  field: F,
): Found<Values[F]> {
  const found = find(site, levels, 'defaults', field);
  if (found === undefined) throw new BulkheadError('internal', `policy.defaults.${field} is missing`);
  return found;
}

/**
 * The most that may be asked for. Where no ceiling is written, it is what the default profile has, or the default where
 * that is looser: who lets a task have something unasked lets it ask for that.
 */
export function ceilingOf<F extends Exclude<Field, 'egress'>>(
  site: SitePolicy,
  levels: readonly Level[],
  field: F,
  byDefault: Found<Values[F]>,
): Found<Values[F]> {
  const written = find(site, levels, 'ceilings', field);
  if (written !== undefined) return written;
  const { value: name, source } = defaultProfile(site, levels);
  const preset = presetOf(site, name)[field];
  if (preset === undefined || SCALES[field].isWithin(preset, byDefault.value)) return byDefault;
  return { value: preset, source };
}

/** What a profile presets. Throws `config` where there is none of that name. */
export function presetOf(site: Pick<SitePolicy, 'profiles'>, name: string): Grants {
  const profiles = profilesOf(site);
  const profile = profiles.get(name);
  if (profile === undefined) {
    throw new BulkheadError(
      'config',
      `policy: there is no profile "${name}"; known are ${[...profiles.keys()].join(', ')}`,
    );
  }
  const { isolation, privilege, network, egress, rootfs, compat } = profile;
  const endpoints = egress?.map(parseEndpoint).filter((endpoint) => endpoint !== undefined);
  return { isolation, privilege, network, egress: endpoints, rootfs, compat };
}

/** Each task asks several times, and a policy is replaced as a whole. */
const known = new WeakMap<SitePolicy['profiles'], ReadonlyMap<string, Profile>>();

/** By name, the built-in ones first, which none of a site's replaces. */
export function profilesOf({ profiles }: Pick<SitePolicy, 'profiles'>): ReadonlyMap<string, Profile> {
  const found =
    known.get(profiles) ??
    new Map([...Object.entries(PROFILES), ...Object.entries(profiles), ...Object.entries(PROFILES)]);
  known.set(profiles, found);
  return found;
}

/** As people look it up. */
export function formatSource({ rule, key }: Source): string {
  if (rule !== undefined) return `rule ${rule}: ${key}`;
  return /^(?:defaults|ceilings|floors|storage)\./.test(key) ? `policy.${key}` : key;
}

function sourceIn({ rule }: Level, key: string): Source {
  return rule === undefined ? { key } : { rule, key };
}

import { EXECUTOR_FIELDS, SCALES, TASK_FIELDS } from './fields.ts';
import type { Field, Grants, Values } from './fields.ts';
import { ceilingOf, defaultOf, find, formatSource, profilesOf } from './levels.ts';
import type { Found, Level } from './levels.ts';
import { isAboutTasks, matchesCaller } from './match.ts';
import type { Match } from './match.ts';
import type { Principal } from './resolution.ts';
import { findStorage } from './resolve-storage.ts';
import type { Floors, Preset, Rule, SitePolicy } from './site.ts';

/** What one caller gets unasked and may ask for, whatever the task. */
export interface Overview {
  readonly profiles: readonly string[];
  /** Whether tags named as sandbox parameters count as such. */
  readonly tags: boolean;
  readonly fields: readonly FieldOverview[];
  /** Locations; undefined: as the storages of the site have it. */
  readonly read: readonly string[] | undefined;
  readonly write: readonly string[] | undefined;
  /** Rules that hold for some of the caller's tasks, in their order; their words come before those above. */
  readonly rules: readonly RuleOverview[];
}

/** Values as they would be written. */
export interface FieldOverview {
  readonly field: Field;
  readonly default: Word;
  /** Undefined: the machine alone. */
  readonly ceiling: Word | undefined;
  readonly floor: Word | undefined;
}

export interface Word {
  readonly value: string;
  readonly from: string;
}

export interface RuleOverview {
  readonly id: string;
  /** Without whom it is for, of which the caller is one. */
  readonly match: Omit<Match, 'subjects' | 'groups'>;
  readonly defaults: Readonly<Record<string, string>>;
  readonly ceilings: Readonly<Record<string, string>>;
  readonly floors: Readonly<Record<string, string>>;
  /** Null: not refused, whatever a later rule says. */
  readonly refuse: string | null | undefined;
}

/** Pure. Throws `config` where the site names a profile that doesn't exist. */
export function overview(site: SitePolicy, caller: Principal): Overview {
  const own = site.rules.filter(({ match }) => matchesCaller(match, caller));
  const always = own.filter(({ match }) => !isAboutTasks(match));
  const levels: readonly Level[] = [...always.map(({ id, ...level }) => ({ ...level, rule: id })), site];
  const fields: readonly Exclude<Field, 'egress'>[] = [
    ...EXECUTOR_FIELDS.filter((field) => field !== 'egress'),
    ...TASK_FIELDS,
  ];
  return {
    profiles: [...profilesOf(site).keys()],
    tags: site.tags,
    fields: [...fields.map((field) => fieldOverview(site, levels, field)), egressOverview(site, levels)],
    read: findStorage(levels, 'read')?.value,
    write: findStorage(levels, 'write')?.value,
    rules: own.filter(({ match }) => isAboutTasks(match)).map(ruleOverview),
  };
}

function fieldOverview<F extends Exclude<Field, 'egress'>>(
  site: SitePolicy,
  levels: readonly Level[],
  field: F,
): FieldOverview & { readonly field: F } {
  const byDefault = defaultOf(site, levels, field);
  const isSize = field === 'cpu_cores' || field === 'ram_gb' || field === 'disk_gb';
  const ceiling = isSize ? find(site, levels, 'ceilings', field) : ceilingOf(site, levels, field, byDefault);
  return {
    field,
    default: word(field, byDefault),
    ceiling: ceiling && word(field, ceiling),
    floor: floorWord(site, levels, field),
  };
}

function floorWord(site: SitePolicy, levels: readonly Level[], field: Field): Word | undefined {
  const floor = find(site, levels, 'floors', field);
  return floor && word(field, floor);
}

function egressOverview(site: SitePolicy, levels: readonly Level[]): FieldOverview {
  const nothing: Found<Values['egress']> = { value: [], source: { key: 'defaults.egress' } };
  const byDefault = find(site, levels, 'defaults', 'egress') ?? nothing;
  const ceiling = find(site, levels, 'ceilings', 'egress') ?? byDefault;
  return {
    field: 'egress',
    default: word('egress', byDefault),
    ceiling: word('egress', ceiling),
    floor: undefined,
  };
}

function ruleOverview({ id, match, defaults, ceilings, floors, refuse }: Rule): RuleOverview {
  const { subjects: _subjects, groups: _groups, ...rest } = match;
  return {
    id,
    match: rest,
    defaults: written(defaults),
    ceilings: written(ceilings),
    floors: written(floors),
    refuse,
  };
}

function written({ profile, ...fields }: Preset | (Floors & { profile?: never })): Record<string, string> {
  const grants: Grants = fields;
  const names: readonly Field[] = [...EXECUTOR_FIELDS, ...TASK_FIELDS];
  const entries = names.map((field): [string, string | undefined] => [field, formatted(field, grants)]);
  const known = entries.filter((entry): entry is [string, string] => entry[1] !== undefined);
  return { ...(profile === undefined ? {} : { profile }), ...Object.fromEntries(known) };
}

function formatted<F extends Field>(field: F, { [field]: value }: Pick<Grants, F>): string | undefined {
  return value === undefined ? undefined : SCALES[field].format(value);
}

function word<F extends Field>(field: F, { value, source }: Found<Values[F]>): Word {
  return { value: SCALES[field].format(value), from: formatSource(source) };
}

import type { Field, Grants, Values } from './fields.ts';

/** One thing that a task asks for, and where it does. */
export interface Asked<T> {
  readonly value: T;
  /** A JSON pointer into the task. */
  readonly at: string;
  /** In the words of the task: `sandbox_network=egress`. */
  readonly as: string;
}

export type AskedFields = { readonly [F in Field]?: Asked<Values[F]> };

/** What is asked for in one go: for all executors, or for one. */
export interface Asks {
  readonly fields: AskedFields;
  readonly profile?: Asked<string>;
}

/** What a task asks of its sandbox. */
export interface SandboxRequest {
  readonly task: Asks;
  readonly executors: ReadonlyMap<number, Asks>;
}

/**
 * What is asked of one field for one executor: what is said of the executor alone, its profile included, stands over
 * what is said of all; a field stands over a profile.
 */
export function askedFor<F extends Field>(
  { task, executors }: SandboxRequest,
  index: number,
  field: F,
  presetOf: (profile: string) => Grants,
): Asked<Values[F]> | undefined {
  for (const asks of [executors.get(index), task]) {
    if (asks === undefined) continue;
    const { fields, profile } = asks;
    const own = fields[field];
    if (own !== undefined) return own;
    const value = profile === undefined ? undefined : presetOf(profile.value)[field];
    if (profile !== undefined && value !== undefined) return { value, at: profile.at, as: profile.as };
  }
  return undefined;
}

/** What a site demands of its hosts. Keys are those of the configuration file. */
export interface EnforcementPolicy {
  /** A task runs only where every control of its sandbox is enforced. */
  readonly require_enforced: boolean;
  /** Names of controls that may be missing all the same. */
  readonly may_be_unenforced: readonly string[];
}

/**
 * Why a task may not run where these controls can't be enforced; undefined where it may. The same words at admission,
 * from what is known of the host, and before the first instruction, from the evidence. Pure.
 */
export function enforcementProblem(
  { require_enforced, may_be_unenforced }: EnforcementPolicy,
  unenforced: readonly string[],
): string | undefined {
  if (!require_enforced) return undefined;
  const lacking = unenforced.filter((name) => !may_be_unenforced.includes(name));
  if (lacking.length === 0) return undefined;
  return `this host does not enforce ${lacking.join(', ')}, and the site runs a task only where every control is enforced (policy.require_enforced); \`bulkhead doctor\` says what the host lacks, and policy.may_be_unenforced names what may be missing`;
}

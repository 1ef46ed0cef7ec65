import { SHARES } from '../sandbox/controls.ts';

/** What a site demands of its hosts. Keys are those of the configuration file. */
export interface EnforcementPolicy {
  /** A task runs only where every control of its sandbox is enforced. */
  readonly require_enforced: boolean;
  /** Controls that may be missing all the same. */
  readonly may_be_unenforced: readonly string[];
}

/**
 * Why a task may not run where these controls can't be enforced; undefined where it may. The same words at admission,
 * from what is known of the host, and before the first instruction, from the evidence. Pure.
 */
export function enforcementProblem(
  policy: EnforcementPolicy,
  unenforced: readonly string[],
): string | undefined {
  const lacking = lackingControls(policy, unenforced);
  if (lacking.length === 0) return undefined;
  const demand = policy.require_enforced
    ? 'the site runs a task only where every control is enforced (policy.require_enforced)'
    : 'the site does not say that they may be missing (policy.may_be_unenforced)';
  return `this host does not enforce ${lacking.join(', ')}, and ${demand}; \`bulkhead doctor\` says what the host lacks, and policy.may_be_unenforced names what may be missing`;
}

/** Why a server should not even start: every task would be refused. Names what to write where the site puts up with it. Pure. */
export function sharesProblem(policy: EnforcementPolicy, unenforced: readonly string[]): string | undefined {
  const lacking = lackingControls(policy, unenforced).filter(isShare);
  if (lacking.length === 0) return undefined;
  const more = policy.require_enforced ? unenforced : unenforced.filter(isShare);
  const names = [...new Set([...policy.may_be_unenforced, ...more])].join(', ');
  return `this host does not enforce ${lacking.join(', ')} for this server: one task could take from the others, and from the host, what they need. Start the server as root, or say in its configuration that this may be so:\n\npolicy:\n  may_be_unenforced: [${names}]\n`;
}

/**
 * Of the controls that can't be enforced, those that the site doesn't put up with. A task's share of the machine, by
 * whatever limit, is missing only where the site says so; the rest where it doesn't demand all. Pure.
 */
function lackingControls(
  { require_enforced, may_be_unenforced }: EnforcementPolicy,
  unenforced: readonly string[],
): readonly string[] {
  return unenforced.filter(
    (name) => !may_be_unenforced.includes(name) && (require_enforced || SHARES.includes(name)),
  );
}

function isShare(name: string): boolean {
  return SHARES.includes(name);
}

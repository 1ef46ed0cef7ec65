import type { FieldFault } from '../errors.ts';
import { isAboutImages, matches } from './match.ts';
import type { Candidate } from './match.ts';
import type { Rule } from './site.ts';

/** Refusals by the site's rules: of each executor's, the first rule that matches and has a word on it. Pure. */
export function refusalByRule(rules: readonly Rule[], executors: readonly Candidate[]): FieldFault[] {
  return executors.flatMap((candidate, index) => {
    const rule = rules.find(({ refuse, match }) => refuse !== undefined && matches(match, candidate));
    if (rule === undefined || rule.refuse === null) return [];
    const field = isAboutImages(rule.match) ? `/executors/${index}/image` : '';
    return [{ field, problem: `${rule.refuse} (rule ${rule.id})` }];
  });
}

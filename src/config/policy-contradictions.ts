import { siteProblems } from '../policy/site-problems.ts';
import { SHARES } from '../sandbox/controls.ts';
import { parseEndpoint } from '../sandbox/endpoint.ts';
import type { Contradiction } from './contradiction.ts';
import type { Config } from './schema.ts';
import { sitePolicy } from './site-policy.ts';

/** What an operator can't have meant by a policy. */
export function policyContradictions(config: Config): Contradiction[] {
  return [...endpoints(config), ...policies(config), ...exceptionsToNothing(config)];
}

function policies(config: Config): Contradiction[] {
  return siteProblems(sitePolicy(config)).map(({ path, problem }) => ({
    paths: [`policy.${path}`],
    problem,
  }));
}

/** What the policy would read over: a text that is no endpoint. */
function endpoints({ policy }: Config): Contradiction[] {
  const lists: [string, readonly string[] | undefined][] = [
    ['defaults', policy.defaults.egress],
    ['ceilings', policy.ceilings.egress],
    ...policy.rules.flatMap(({ defaults, ceilings }, at): [string, readonly string[] | undefined][] => [
      [`rules[${at}].defaults`, defaults.egress],
      [`rules[${at}].ceilings`, ceilings.egress],
    ]),
  ];
  return lists.flatMap(([where, list = []]) =>
    list.flatMap((text, at) =>
      parseEndpoint(text) === undefined
        ? [
            {
              paths: [`policy.${where}.egress[${at}]`],
              problem: `${JSON.stringify(text)} is not host:port, such as ftp.example.org:443 or *.example.org:443`,
            },
          ]
        : [],
    ),
  );
}

function exceptionsToNothing({ policy }: Config): Contradiction[] {
  const names = policy.may_be_unenforced;
  if (policy.require_enforced || names.length === 0 || names.some((name) => SHARES.includes(name))) return [];
  return [
    {
      paths: ['policy.may_be_unenforced', 'policy.require_enforced'],
      problem: `names ${names.join(' and ')} only, but policy.require_enforced is not set, so that may be unenforced anyway. Set policy.require_enforced, or remove the key`,
    },
  ];
}

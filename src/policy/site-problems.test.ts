import { expect, test } from 'vitest';
import { PROFILES } from '../sandbox/profiles.ts';
import { DEFAULT_SITE_POLICY } from './site.ts';
import type { Rule, SitePolicy } from './site.ts';
import { siteProblems } from './site-problems.ts';

type Changes = Omit<Partial<SitePolicy>, 'rules' | 'defaults'> & {
  readonly defaults?: Partial<SitePolicy['defaults']>;
  readonly rules?: readonly Partial<Rule>[];
};

function problems({ defaults, rules = [], ...rest }: Changes): string[] {
  const site: SitePolicy = {
    ...DEFAULT_SITE_POLICY,
    ...rest,
    defaults: { ...DEFAULT_SITE_POLICY.defaults, ...defaults },
    rules: rules.map((rule) => ({
      id: 'a',
      match: {},
      defaults: {},
      ceilings: {},
      floors: {},
      storage: {},
      ...rule,
    })),
  };
  return siteProblems(site).map(({ path, problem }) => `${path}: ${problem}`);
}

const { standard } = PROFILES;
const A = { host: 'a.org', port: 443 } as const;

test.each<[string, Changes]>([
  ['nothing', {}],
  ['a profile of its own', { defaults: { profile: 'own' }, profiles: { own: standard } }],
  ['ceilings by a profile', { ceilings: { profile: 'mapped-root' } }],
  ['a default at its ceiling', { defaults: { pids: 50 }, ceilings: { pids: 50 } }],
  ['a ceiling looser than the default', { ceilings: { pids: 5000, network: 'open' } }],
  ['a ceiling tighter than the default profile', { ceilings: { privilege: 'nonroot' } }],
  ['egress by default', { defaults: { network: 'egress', egress: [A] } }],
  [
    'a profile of egress by default',
    {
      defaults: { profile: 'net' },
      profiles: { net: { ...standard, network: 'egress', egress: ['a.org:443'] } },
    },
  ],
  ['no isolation where there is no root', { defaults: { isolation: 'namespace', privilege: 'nonroot' } }],
  ['a rule that only refuses', { rules: [{ refuse: 'x' }] }],
  ['a rule that only exempts', { rules: [{ refuse: null }] }],
  ['a rule that only lifts a limit', { rules: [{ ceilings: { timeout: null } }] }],
  [
    'rules by other names',
    {
      rules: [
        { id: 'a', refuse: 'x' },
        { id: 'b', refuse: 'x' },
      ],
    },
  ],
  ['locations', { storage: { read: ['/data', 's3://b/x'], write: [] } }],
  ['a rule on sizes', { rules: [{ refuse: 'x', match: { above: { ram_gb: 1 } } }] }],
])('a policy may have %s', (_what, changes) => {
  expect(problems(changes)).toEqual([]);
});

test.each<[string, Changes, string[]]>([
  [
    'a default profile that isn’t',
    { defaults: { profile: 'x' } },
    ['defaults.profile: there is no profile "x"; known are strict, standard, mapped-root'],
  ],
  [
    'profiles of ceilings and rules that aren’t',
    {
      ceilings: { profile: 'x' },
      rules: [{ refuse: 'n' }, { id: 'b', defaults: { profile: 'y' }, ceilings: { profile: 'z' } }],
    },
    [
      expect.stringMatching(/^ceilings\.profile: there is no profile "x"/),
      expect.stringMatching(/^rules\[1\]\.defaults\.profile: there is no profile "y"/),
      expect.stringMatching(/^rules\[1\]\.ceilings\.profile: there is no profile "z"/),
    ],
  ],
  [
    'the name of a built-in profile',
    { profiles: { 'mapped-root': standard } },
    ['profiles.mapped-root: is the name of a built-in profile, which none replaces; choose another'],
  ],
  [
    'a profile that no sandbox may be',
    { profiles: { own: { ...standard, isolation: 'namespace' } } },
    [expect.stringMatching(/^profiles\.own: privilege root-capless needs a user namespace/)],
  ],
  [
    'locations that can be read in two ways',
    {
      storage: { read: ['/ok', '/a/../b'], write: ['x'] },
      rules: [{ storage: { write: ['/ok', 'https://u@h/'] } }],
    },
    [
      'storage.read[1]: /a/../b is neither an absolute path nor a URL that can be read in one way only',
      expect.stringMatching(/^storage\.write\[0\]: x is neither/),
      expect.stringMatching(/^rules\[0\]\.storage\.write\[1\]: https:\/\/u@h\/ is neither/),
    ],
  ],
  [
    'a rule that nobody matches',
    { rules: [{ refuse: 'x', match: { subjects: ['a'], groups: [], images: [] } }] },
    [
      'rules[0].match.groups: is empty, so that no task matches; remove it or fill it',
      expect.stringMatching(/^rules\[0\]\.match\.images: is empty/),
    ],
  ],
  [
    'rules that decide nothing',
    { rules: [{ ceilings: { pids: undefined } }, { id: 'b', refuse: undefined }] },
    [
      'rules[0]: a decides nothing: give it defaults, ceilings, floors, storage or refuse',
      expect.stringMatching(/^rules\[1\]: b decides nothing/),
    ],
  ],
  [
    'two rules of one name',
    { rules: [{ refuse: 'x' }, { refuse: 'y' }, { id: 'b', refuse: 'z' }] },
    ['rules[1].id: a is the name of an earlier rule; choose another'],
  ],
  [
    'defaults above their ceilings',
    {
      defaults: { pids: 60, timeout: null, privilege: 'root-mapped' },
      ceilings: { pids: 50, timeout: 1000, profile: 'strict' },
    },
    [
      expect.stringMatching(
        /^defaults\.privilege: is above policy\.ceilings\.privilege: a task that asks for nothing/,
      ),
      expect.stringMatching(/^defaults\.pids: is above policy\.ceilings\.pids/),
      expect.stringMatching(/^defaults\.timeout: is above policy\.ceilings\.timeout/),
    ],
  ],
  [
    'defaults that no sandbox may be',
    { defaults: { isolation: 'namespace' } },
    [expect.stringMatching(/^defaults: privilege root-capless needs a user namespace/)],
  ],
  [
    'egress to nowhere by default',
    { defaults: { network: 'egress' } },
    ['defaults: network is egress, but egress lists no host:port'],
  ],
])('a policy may not have %s', (_what, changes, expected) => {
  expect(problems(changes)).toEqual(expected);
});

test('what follows from a profile that isn’t there is not told beside it', () => {
  expect(problems({ defaults: { profile: 'x', pids: 60 }, ceilings: { pids: 50 } })).toHaveLength(1);
});

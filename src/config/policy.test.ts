import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isBulkheadError } from '../errors.ts';
import type { SitePolicy } from '../policy/site.ts';
import { loadConfig } from './load.ts';
import { sitePolicy } from './site-policy.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bulkhead-policy-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function read(policy: string): SitePolicy {
  const file = join(folder, 'bulkhead.yaml');
  writeFileSync(file, `policy:\n${policy.replaceAll(/^/gm, '  ')}\n`);
  return sitePolicy(loadConfig({ file, env: {}, cwd: folder }));
}

function faults(policy: string): string[] {
  try {
    read(policy);
  } catch (error) {
    if (isBulkheadError(error)) return error.fields.map(({ field, problem }) => `${field}: ${problem}`);
    throw error;
  }
  return [];
}

test('a policy is read in its own words: durations, endpoints, rules and profiles', () => {
  const site = read(`
tags: false
defaults: { profile: lab, timeout: 12h, egress: ['A.org:443'] }
ceilings: { profile: mapped-root, timeout: none, pids: 4096 }
floors: { isolation: userns }
storage: { write: [] }
profiles:
  lab: { privilege: nonroot, network: egress, egress: ['*.lab.org:443'], compat: [ptrace] }
  plain: {}
rules:
  - id: guests
    match: { groups: [guests], up_to: { ram_gb: 4 } }
    ceilings: { timeout: 1h, egress: ['a.org:*'] }
    storage: { read: [/data/public] }
  - id: no-old
    match: { images: ['ubuntu:14.*'] }
    refuse: it is not supported any more
  - { id: exempt, match: { subjects: [ann] }, refuse: none }
`);
  expect(site).toMatchObject({
    tags: false,
    defaults: {
      profile: 'lab',
      timeout: 43_200_000,
      egress: [{ host: 'a.org', port: 443 }],
      pids: 1024,
      disk_inodes: null,
      queue_time: null,
      log_bytes: expect.any(Number),
    },
    ceilings: { profile: 'mapped-root', timeout: null, pids: 4096 },
    floors: { isolation: 'userns' },
    storage: { write: [] },
    profiles: {
      lab: {
        isolation: 'userns',
        privilege: 'nonroot',
        network: 'egress',
        egress: ['*.lab.org:443'],
        rootfs: 'ephemeral',
        compat: ['ptrace'],
      },
      plain: {
        isolation: 'userns',
        privilege: 'root-capless',
        network: 'none',
        rootfs: 'ephemeral',
        compat: [],
      },
    },
    rules: [
      {
        id: 'guests',
        match: { groups: ['guests'], up_to: { ram_gb: 4 } },
        ceilings: { timeout: 3_600_000, egress: [{ host: 'a.org', port: '*' }] },
        storage: { read: ['/data/public'] },
      },
      { id: 'no-old', match: { images: ['ubuntu:14.*'] }, refuse: 'it is not supported any more' },
      { id: 'exempt', match: { subjects: ['ann'] }, refuse: null },
    ],
  });
  // What a rule has no word on isn't there, lest it decide.
  expect(site.rules[0]?.match.subjects).toBeUndefined();
  expect(site.rules[0]?.storage.write).toBeUndefined();
  expect(site.rules[1]).not.toHaveProperty('ceilings.timeout');
  expect(site.rules[0]).not.toHaveProperty('refuse');
});

describe('refused, with the path of the key, is', () => {
  test.each([
    [
      'a profile that isn’t',
      'defaults: { profile: lba }',
      /^\/policy\/defaults\/profile: there is no profile "lba"; known are strict, standard/,
    ],
    [
      'a ceiling by a profile that isn’t',
      'ceilings: { profile: x }',
      /^\/policy\/ceilings\/profile: there is no/,
    ],
    [
      'a rule’s profile that isn’t',
      'rules: [{ id: a, defaults: { profile: x } }]',
      /^\/policy\/rules\/0\/defaults\/profile: there is no/,
    ],
    [
      'the name of a built-in profile',
      'profiles: { strict: { privilege: root-mapped } }',
      /^\/policy\/profiles\/strict: is the name of a built-in/,
    ],
    [
      'a profile that would be host root',
      'profiles: { own: { isolation: namespace } }',
      /^\/policy\/profiles\/own: .*host root/,
    ],
    [
      'a profile of egress to nowhere',
      'profiles: { own: { network: egress } }',
      /^\/policy\/profiles\/own: .*lists no host:port/,
    ],
    [
      'defaults that would be host root',
      'defaults: { isolation: namespace }',
      /^\/policy\/defaults: .*host root/,
    ],
    [
      'egress to nowhere by default',
      'defaults: { network: egress }',
      /^\/policy\/defaults: network is egress, but egress lists/,
    ],
    [
      'a default above its ceiling',
      'defaults: { pids: 100 }\nceilings: { pids: 50 }',
      /^\/policy\/defaults\/pids: is above policy\.ceilings\.pids/,
    ],
    [
      'a default above a profile’s ceiling',
      'defaults: { privilege: root-mapped }\nceilings: { profile: strict }',
      /^\/policy\/defaults\/privilege: is above/,
    ],
    [
      'a word that is none',
      'floors: { isolation: vm }',
      /^\/policy\/floors\/isolation: "vm" is not one of microvm/,
    ],
    ['a floor of what has none', 'floors: { pids: 3 }', /^\/policy\/floors\/pids: is not a known key/],
    [
      'a place that is none',
      "ceilings: { egress: ['a.org:443', 'b.org'] }",
      /^\/policy\/ceilings\/egress\/1: "b\.org" is not host:port/,
    ],
    [
      'a rule’s place that is none',
      'rules: [{ id: a, defaults: { egress: [x] } }]',
      /^\/policy\/rules\/0\/defaults\/egress\/0: "x" is not/,
    ],
    ['a rule without a name', 'rules: [{ refuse: x }]', /^\/policy\/rules\/0\/id: is missing/],
    [
      'a name that is none',
      'rules: [{ id: Lab One, refuse: x }]',
      /^\/policy\/rules\/0\/id: "Lab One" is not text of the form/,
    ],
    [
      'two rules of one name',
      'rules: [{ id: a, refuse: x }, { id: a, refuse: y }]',
      /^\/policy\/rules\/1\/id: a is the name of an earlier/,
    ],
    [
      'a rule that decides nothing',
      'rules: [{ id: a, match: { subjects: [x] } }]',
      /^\/policy\/rules\/0: a decides nothing/,
    ],
    [
      'a rule that nobody matches',
      'rules: [{ id: a, refuse: x, match: { groups: [] } }]',
      /^\/policy\/rules\/0\/match\/groups: is empty/,
    ],
    [
      'a rule on what there isn’t',
      'rules: [{ id: a, refuse: x, match: { group: [b] } }]',
      /match\/group: is not a known key: did you mean policy\.rules\[0\]\.match\.groups/,
    ],
    [
      'a digest that is none',
      "rules: [{ id: a, refuse: x, match: { digests: ['sha256:1'] } }]",
      /digests\/0: "sha256:1" is not text of the form/,
    ],
    [
      'a location that can be read in two ways',
      'storage: { read: [/data/../x] }',
      /^\/policy\/storage\/read\/0: \/data\/\.\.\/x is neither/,
    ],
    [
      'a relative location of a rule',
      'rules: [{ id: a, storage: { write: [x] } }]',
      /^\/policy\/rules\/0\/storage\/write\/0: x is neither/,
    ],
    [
      'a profile by a name that is none',
      'profiles: { My_Own: {} }',
      /^\/policy\/profiles\/My_Own: is not a name of the form/,
    ],
    [
      'profiles in a list',
      'profiles: [x]',
      /^\/policy\/profiles: \["x"\] is not a group of names, under each a group of keys/,
    ],
    [
      'a key that no profile has',
      'profiles: { own: { pids: 4 } }',
      /^\/policy\/profiles\/own\/pids: is not a known key/,
    ],
  ])('%s', (_what, policy, fault) => {
    expect(faults(policy)).toEqual([expect.stringMatching(fault)]);
  });

  test('all of it at once', () => {
    expect(faults('defaults: { profile: a }\nrules: [{ id: b }, { id: b, refuse: x }]')).toHaveLength(3);
  });
});

test('a floor alone, or an empty list of locations, is a word', () => {
  expect(faults('rules: [{ id: a, floors: { network: none } }, { id: b, storage: { read: [] } }]')).toEqual(
    [],
  );
});

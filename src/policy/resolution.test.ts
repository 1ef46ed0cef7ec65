import { describe, expect, test } from 'vitest';
import { admissionRequest, ALL_ABILITIES } from '../../test/doubles/site.ts';
import { executorSandbox } from '../sandbox/executor.ts';
import type { TesTaskDocument } from '../tes/task.ts';
import { resolve } from './resolution.ts';
import type { AdmissionRequest, Resolution } from './resolution.ts';
import { DEFAULT_SITE_POLICY } from './site.ts';
import type { Preset, Rule, SitePolicy } from './site.ts';

const AT = '/resources/backend_parameters/';

interface Case extends Partial<Omit<AdmissionRequest, 'site'>> {
  readonly site?: Partial<SitePolicy>;
  readonly defaults?: Preset;
  readonly rules?: readonly Partial<Rule>[];
  readonly ask?: Record<string, string>;
  readonly task?: Partial<TesTaskDocument>;
  readonly images?: never;
  readonly use?: readonly string[];
}

function resolved({
  site,
  defaults,
  rules = [],
  ask = {},
  task,
  use = ['alpine'],
  ...rest
}: Case): Resolution {
  const executors = use.map((image) => ({ image, command: ['true'] }));
  const document = { executors, resources: { backend_parameters: ask }, ...task };
  const policy: SitePolicy = {
    ...DEFAULT_SITE_POLICY,
    ...site,
    defaults: { ...DEFAULT_SITE_POLICY.defaults, ...definedOnly(defaults ?? {}) },
    rules: rules.map((rule, index) => ({
      id: `r${index}`,
      match: {},
      defaults: {},
      ceilings: {},
      floors: {},
      storage: {},
      ...rule,
    })),
  };
  const { principal, ...changes } = rest;
  return resolve(
    admissionRequest(document, principal, { abilities: ALL_ABILITIES, ...changes, site: policy }),
  );
}

function definedOnly(preset: Preset): Partial<SitePolicy['defaults']> {
  return JSON.parse(JSON.stringify(preset));
}

function problems(given: Case): string[] {
  return resolved(given).refusals.map(({ field, problem }) => `${field}: ${problem}`);
}

describe('what a task asks for', () => {
  test('it gets where it is as tight as what it would get', () => {
    const ask = {
      sandbox_privilege: 'nonroot',
      sandbox_rootfs: 'readonly',
      sandbox_pids: '5',
      sandbox_timeout: '10s',
      sandbox_isolation: 'syscall-proxy',
    };
    const { sandbox, refusals } = resolved({ ask });
    expect(refusals).toEqual([]);
    expect(sandbox).toMatchObject({
      profile: 'standard',
      isolation: 'syscall-proxy',
      privilege: 'nonroot',
      network: 'none',
      rootfs: 'readonly',
      limits: { pids: 5, wallTimeMs: 10_000 },
    });
  });

  test('begins with the profile that it names, and goes on with what it says beside', () => {
    const { sandbox, refusals } = resolved({
      ask: { sandbox_profile: 'strict', sandbox_rootfs: 'ephemeral' },
    });
    expect(refusals).toEqual([]);
    expect(sandbox).toMatchObject({ profile: 'strict', privilege: 'nonroot', rootfs: 'ephemeral' });
  });

  test('is refused beyond what the site’s own profile has, where no ceiling is written', () => {
    const ask = {
      sandbox_isolation: 'namespace',
      sandbox_privilege: 'root-mapped',
      sandbox_network: 'open',
      sandbox_compat: 'ptrace',
      sandbox_pids: '1025',
    };
    expect(problems({ ask })).toEqual([
      `${AT}sandbox_isolation: asked namespace, the ceiling is userns (policy.defaults.profile: standard)`,
      `${AT}sandbox_privilege: asked root-mapped, the ceiling is root-capless (policy.defaults.profile: standard)`,
      `${AT}sandbox_network: asked open, the ceiling is none (policy.defaults.profile: standard)`,
      `${AT}sandbox_compat: asked ptrace, the ceiling is none (policy.defaults.profile: standard)`,
      `${AT}sandbox_pids: asked 1025, the ceiling is 1024 (policy.defaults.pids)`,
    ]);
  });

  test('may be what the default profile has, where the site’s default is tighter', () => {
    const site = { defaults: { rootfs: 'readonly', privilege: 'root-mapped' } } as const;
    expect(
      problems({ ...site, ask: { sandbox_rootfs: 'ephemeral', sandbox_privilege: 'root-mapped' } }),
    ).toEqual([]);
    expect(resolved(site).sandbox).toMatchObject({ rootfs: 'readonly', privilege: 'root-mapped' });
  });

  test('may go up to the ceiling', () => {
    const ceilings = { privilege: 'root-mapped', compat: ['ptrace'], pids: 4096, timeout: 60_000 } as const;
    const ask = {
      sandbox_privilege: 'root-mapped',
      sandbox_compat: 'ptrace',
      sandbox_pids: '4096',
      sandbox_timeout: '1m',
    };
    const { sandbox, refusals } = resolved({ site: { ceilings }, ask });
    expect(refusals).toEqual([]);
    expect(sandbox).toMatchObject({
      privilege: 'root-mapped',
      compat: ['ptrace'],
      limits: { pids: 4096, wallTimeMs: 60_000 },
    });
    expect(problems({ site: { ceilings }, ask: { sandbox_timeout: '61s', sandbox_pids: '4097' } })).toEqual([
      `${AT}sandbox_timeout: asked 1m1s, the ceiling is 1m (policy.ceilings.timeout)`,
      `${AT}sandbox_pids: asked 4097, the ceiling is 4096 (policy.ceilings.pids)`,
    ]);
  });

  test('by a profile is refused by the field that is beyond, and granted where a field of its own is within', () => {
    expect(problems({ ask: { sandbox_profile: 'mapped-root' } })).toEqual([
      `${AT}sandbox_profile: asked root-mapped, the ceiling is root-capless (policy.defaults.profile: standard)`,
    ]);
    expect(problems({ ask: { sandbox_profile: 'mapped-root', sandbox_privilege: 'nonroot' } })).toEqual([]);
    expect(
      problems({ site: { ceilings: { profile: 'mapped-root' } }, ask: { sandbox_profile: 'mapped-root' } }),
    ).toEqual([]);
  });

  test('without a limit of time is refused where there is a ceiling, and the default’s is one', () => {
    expect(problems({ ask: { sandbox_timeout: 'none' } })).toEqual([]);
    expect(problems({ defaults: { timeout: 5000 }, ask: { sandbox_timeout: 'none' } })).toEqual([
      `${AT}sandbox_timeout: asked none, the ceiling is 5s (policy.defaults.timeout)`,
    ]);
    expect(
      problems({
        defaults: { timeout: 5000 },
        site: { ceilings: { timeout: null } },
        ask: { sandbox_timeout: 'none' },
      }),
    ).toEqual([]);
  });
});

describe('a default', () => {
  test('above a ceiling is the ceiling, and refuses nobody', () => {
    const ceilings = { privilege: 'nonroot', pids: 10, timeout: 1000 } as const;
    const { sandbox, refusals } = resolved({ site: { ceilings } });
    expect(refusals).toEqual([]);
    expect(sandbox).toMatchObject({ privilege: 'nonroot', limits: { pids: 10, wallTimeMs: 1000 } });
  });

  test('weaker than a floor is the floor; who asks for less is refused, naming the floor', () => {
    const site = {
      floors: { isolation: 'syscall-proxy', rootfs: 'readonly' },
      ceilings: { isolation: 'namespace' },
    } as const;
    expect(resolved({ site }).sandbox).toMatchObject({ isolation: 'syscall-proxy', rootfs: 'readonly' });
    expect(resolved({ site, ask: { sandbox_isolation: 'microvm' } }).sandbox.isolation).toBe('microvm');
    expect(problems({ site, ask: { sandbox_isolation: 'userns' } })).toEqual([
      `${AT}sandbox_isolation: asked userns, the floor is syscall-proxy (policy.floors.isolation)`,
    ]);
  });
});

describe('the network', () => {
  const a = { host: 'a.org', port: 443 } as const;
  const any = { host: '*', port: 443 } as const;

  test('is egress to the places that are asked for, where the ceiling has them', () => {
    const site = { ceilings: { network: 'egress', egress: [a, { host: '*.b.org', port: 80 }] } } as const;
    const { sandbox, refusals } = resolved({ site, ask: { sandbox_egress: 'x.b.org:80,a.org:443' } });
    expect(refusals).toEqual([]);
    expect(sandbox).toMatchObject({ network: 'egress', egress: ['x.b.org:80', 'a.org:443'] });
    expect(problems({ site, ask: { sandbox_egress: 'a.org:443,b.org:80' } })).toEqual([
      `${AT}sandbox_egress: asked a.org:443,b.org:80, the ceiling is a.org:443,*.b.org:80 (policy.ceilings.egress)`,
    ]);
  });

  test('is no egress to places that nobody lists', () => {
    expect(
      problems({ site: { ceilings: { network: 'egress' } }, ask: { sandbox_egress: 'a.org:443' } }),
    ).toEqual([
      `${AT}sandbox_egress: asked a.org:443, the ceiling is nothing (policy.defaults.profile: standard)`,
    ]);
    expect(problems({ site: { ceilings: { network: 'open' } }, ask: { sandbox_network: 'egress' } })).toEqual(
      [
        `${AT}sandbox_network: asked sandbox_network=egress, but nothing says which host:port: send sandbox_egress`,
      ],
    );
  });

  test('is egress to any place where it might be open', () => {
    const site = { ceilings: { network: 'open', egress: [a] } } as const;
    expect(resolved({ site, ask: { sandbox_egress: 'z.org:1' } }).sandbox).toMatchObject({
      network: 'egress',
      egress: ['z.org:1'],
    });
    expect(resolved({ site, ask: { sandbox_network: 'open' } }).sandbox).not.toHaveProperty('egress');
  });

  test('is what the site gives unasked, as far as its ceiling has it', () => {
    const site = { defaults: { network: 'egress', egress: [a, any] } } as const;
    expect(resolved(site).sandbox).toMatchObject({ network: 'egress', egress: ['a.org:443', '*:443'] });
    expect(resolved({ ...site, site: { ceilings: { egress: [a] } } }).sandbox).toMatchObject({
      egress: ['a.org:443'],
    });
    expect(resolved({ ...site, site: { ceilings: { network: 'open', egress: [a] } } }).sandbox).toMatchObject(
      {
        egress: ['a.org:443'],
      },
    );
    expect(resolved({ ...site, site: { ceilings: { egress: [] } } }).sandbox).toMatchObject({
      network: 'none',
    });
    expect(resolved({ ...site, ask: { sandbox_network: 'egress' } }).sandbox).toMatchObject({
      egress: ['a.org:443', '*:443'],
    });
    expect(resolved({ ...site, ask: { sandbox_network: 'none' } }).sandbox).not.toHaveProperty('egress');
  });
});

describe('what the backend can’t do', () => {
  const abilities = { isolations: ['userns', 'syscall-proxy'], networks: ['none'] } as const;

  test('is refused, whoever wants it', () => {
    const site = { ceilings: { network: 'open' } } as const;
    expect(
      problems({ abilities, site, ask: { sandbox_isolation: 'microvm', sandbox_network: 'open' } }),
    ).toEqual([
      `${AT}sandbox_isolation: asked microvm, and the backend of this site makes userns, syscall-proxy only`,
      `${AT}sandbox_network: asked open, and the backend of this site makes none only`,
    ]);
    expect(problems({ abilities, site: { floors: { isolation: 'microvm' } } })).toEqual([
      ': isolation is microvm (policy.floors.isolation), and the backend of this site makes userns, syscall-proxy only',
    ]);
    expect(problems({ abilities, defaults: { network: 'open' } })).toEqual([
      ': network is open (policy.defaults.network), and the backend of this site makes none only',
    ]);
  });

  test('is done by the next stronger isolation that it can', () => {
    const weak = { abilities, defaults: { isolation: 'namespace', privilege: 'nonroot' } } as const;
    expect(resolved(weak).sandbox.isolation).toBe('userns');
    expect(
      resolved({ ...weak, abilities: { isolations: ['microvm', 'syscall-proxy'], networks: ['none'] } })
        .sandbox.isolation,
    ).toBe('syscall-proxy');
  });
});

test('what would be root of the host is refused, whoever grants it', () => {
  const site = { ceilings: { isolation: 'namespace' } } as const;
  expect(problems({ site, ask: { sandbox_isolation: 'namespace' } })).toEqual([
    `${AT}sandbox_isolation: privilege root-capless needs a user namespace, and isolation namespace has none: it would be host root`,
  ]);
  expect(problems({ site, ask: { sandbox_isolation: 'namespace', sandbox_privilege: 'nonroot' } })).toEqual(
    [],
  );
});

describe('rules', () => {
  test('decide field by field: the first that has a word on one, then the site', () => {
    const { sandbox, refusals } = resolved({
      site: { ceilings: { pids: 5000 } },
      rules: [
        { id: 'off', match: { subjects: ['bob'] }, defaults: { rootfs: 'readonly' } },
        { id: 'one', match: { subjects: ['ann'] }, defaults: { pids: 50 } },
        { id: 'two', defaults: { pids: 60, privilege: 'nonroot' }, ceilings: { timeout: 9000 } },
      ],
    });
    expect(refusals).toEqual([]);
    expect(sandbox).toMatchObject({
      privilege: 'nonroot',
      rootfs: 'ephemeral',
      limits: { pids: 50, wallTimeMs: 9000 },
      rules: ['one', 'two'],
    });
  });

  test('are named where they refuse, and where they let a task have what it asks for', () => {
    const rules = [
      { id: 'trusted', match: { groups: ['lab'] }, ceilings: { privilege: 'root-mapped' as const } },
      { id: 'rest', ceilings: { privilege: 'nonroot' as const } },
    ];
    const ask = { sandbox_privilege: 'root-mapped' };
    expect(resolved({ rules, ask, principal: { subject: 'ann', groups: ['lab'] } })).toMatchObject({
      refusals: [],
      sandbox: { privilege: 'root-mapped', rules: ['trusted'] },
    });
    expect(problems({ rules, ask })).toEqual([
      `${AT}sandbox_privilege: asked root-mapped, the ceiling is nonroot (rule rest: ceilings.privilege)`,
    ]);
    expect(resolved({ rules: [{ id: 'idle' }] }).sandbox).not.toHaveProperty('rules');
  });

  test('by a profile are named with it', () => {
    const rules = [{ id: 'lab', defaults: { profile: 'strict' }, floors: { rootfs: 'readonly' as const } }];
    expect(resolved({ rules }).sandbox).toMatchObject({
      profile: 'strict',
      privilege: 'nonroot',
      rules: ['lab'],
    });
    expect(
      problems({ rules, ask: { sandbox_privilege: 'root-capless', sandbox_rootfs: 'ephemeral' } }),
    ).toEqual([
      `${AT}sandbox_privilege: asked root-capless, the ceiling is nonroot (rule lab: defaults.profile: strict)`,
      `${AT}sandbox_rootfs: asked ephemeral, the ceiling is readonly (rule lab: defaults.profile: strict)`,
    ]);
  });

  test('that match an image hold for the executors that use it, and for no other', () => {
    const rules = [
      { id: 'tools', match: { images: ['quay.io/lab/*'] }, defaults: { profile: 'mapped-root' } },
    ];
    const { sandbox, refusals } = resolved({
      rules,
      use: ['alpine', 'quay.io/lab/apt:1', 'quay.io/lab/apt:1'],
    });
    expect(refusals).toEqual([]);
    expect([0, 1, 2].map((index) => executorSandbox(sandbox, index).privilege)).toEqual([
      'root-capless',
      'root-mapped',
      'root-mapped',
    ]);
    expect(sandbox.executors?.map(({ index }) => index)).toEqual([1, 2]);
    expect(
      problems({ rules, use: ['quay.io/lab/apt:1', 'alpine'], ask: { sandbox_privilege: 'root-mapped' } }),
    ).toEqual([
      `${AT}sandbox_privilege: asked root-mapped, the ceiling is root-capless (policy.defaults.profile: standard)`,
    ]);
    expect(
      problems({
        rules,
        use: ['quay.io/lab/apt:1', 'alpine'],
        ask: { 'sandbox_privilege.0': 'root-mapped' },
      }),
    ).toEqual([]);
  });

  test('of images give the whole task the loosest default, and hold it to the tightest ceiling', () => {
    const rules = [
      { id: 'big', match: { images: ['ubuntu'] }, defaults: { ram_gb: 6, timeout: 60_000 } },
      {
        id: 'small',
        match: { images: ['alpine'] },
        defaults: { ram_gb: 1, timeout: 1000 },
        ceilings: { cpu_cores: 2 },
      },
    ];
    for (const use of [
      ['ubuntu', 'alpine'],
      ['alpine', 'ubuntu'],
    ]) {
      const { sandbox } = resolved({ rules, use });
      expect(sandbox.limits).toMatchObject({ memoryBytes: 6 * 2 ** 30, wallTimeMs: 60_000 });
      expect(problems({ rules, use, task: { resources: { cpu_cores: 3 } } })).toEqual([
        '/resources/cpu_cores: asked 3, the ceiling is 2 (rule small: ceilings.cpu_cores)',
      ]);
    }
  });

  test('refuse with their own words, each executor whose image they are about', () => {
    const rules = [
      { id: 'ours', match: { images: ['quay.io/lab/*'] }, refuse: null },
      { id: 'no-quay', match: { registries: ['quay.io'] }, refuse: 'quay.io is not used here' },
      { id: 'no-big', match: { above: { cpu_cores: 1 } }, refuse: 'too big' },
    ];
    const use = ['quay.io/other/x', 'quay.io/lab/x', 'alpine', 'quay.io/other/x'];
    expect(problems({ rules, use })).toEqual([
      '/executors/0/image: quay.io is not used here (rule no-quay)',
      '/executors/3/image: quay.io is not used here (rule no-quay)',
    ]);
    expect(problems({ rules, use: ['alpine', 'alpine'], task: { resources: { cpu_cores: 2 } } })).toEqual([
      ': too big (rule no-big)',
    ]);
  });
});

describe('executors', () => {
  test('each have what is asked for them alone, over what is asked for all', () => {
    const ask = {
      sandbox_privilege: 'nonroot',
      'sandbox_privilege.1': 'root-capless',
      'sandbox_pids.0': '9',
    };
    const { sandbox, refusals } = resolved({ ask, use: ['alpine', 'alpine', 'alpine'] });
    expect(refusals).toEqual([]);
    expect([0, 1, 2].map((index) => executorSandbox(sandbox, index))).toMatchObject([
      { privilege: 'nonroot', limits: { pids: 9 } },
      { privilege: 'root-capless', limits: { pids: 1024 } },
      { privilege: 'nonroot', limits: { pids: 1024 } },
    ]);
  });

  test('have no exceptions where they are the same', () => {
    const ask = { 'sandbox_rootfs.0': 'readonly', 'sandbox_rootfs.1': 'readonly' };
    expect(resolved({ ask, use: ['alpine', 'alpine'] }).sandbox).not.toHaveProperty('executors');
  });

  test('may be told apart by a profile, which stands over what is asked for all', () => {
    const ask = { sandbox_rootfs: 'ephemeral', 'sandbox_profile.1': 'strict' };
    const { sandbox } = resolved({ ask, use: ['alpine', 'alpine'] });
    expect(sandbox).toMatchObject({
      profile: 'standard',
      executors: [{ index: 1, profile: 'strict', rootfs: 'readonly' }],
    });
  });

  test('of one task that ask for the same are refused once', () => {
    expect(problems({ ask: { sandbox_network: 'open' }, use: ['alpine', 'alpine', 'alpine'] })).toHaveLength(
      1,
    );
  });
});

test('the smallest size that can be enforced is told, as decided by nobody', () => {
  const { warnings, task } = resolved({ task: { resources: { cpu_cores: 0.001 } } });
  expect(warnings).toEqual(['resources.cpu_cores: 0.001 is less than can be enforced; the task gets 0.01']);
  expect(task.decisions.cpu_cores).toMatchObject({ value: 0.01, decidedBy: { key: 'what can be enforced' } });
});

test('a site that names a profile which doesn’t exist is the operator’s mistake', () => {
  for (const part of ['defaults', 'ceilings'] as const)
    expect(() => resolved({ rules: [{ [part]: { profile: 'none-such' } }] })).toThrow(
      expect.objectContaining({ code: 'config', message: expect.stringContaining('no profile "none-such"') }),
    );
});

test('a task without an executor is nobody’s', () => {
  expect(() => resolved({ use: [] })).toThrow(expect.objectContaining({ code: 'internal' }));
});

describe('storage', () => {
  const task = {
    inputs: [
      { url: 'https://lab.org/in/a', path: '/a' },
      { url: '/data/../etc/passwd', path: '/b' },
      { url: 's3://secret', content: 'x', path: '/c' },
      { content: 'y', path: '/d' },
    ],
    outputs: [{ url: 'https://lab.org/out/x', path: '/o' }],
  };

  test('may be anything that the storages of the site have, where the policy has no word on it', () => {
    expect(problems({ task })).toEqual([]);
  });

  test('is refused outside of what the site lists, for reading and for writing apart', () => {
    const site = { storage: { read: ['https://lab.org/in', '/data'], write: [] } };
    expect(problems({ site, task })).toEqual([
      '/inputs/1/url: asked to read /data/../etc/passwd, which can be read in more than one way; the ceiling is https://lab.org/in, /data (policy.storage.read)',
      '/outputs/0/url: asked to write https://lab.org/out/x; the ceiling is nothing (policy.storage.write)',
    ]);
  });

  test('is by principal: the first rule with a word on it decides', () => {
    const given = {
      task: { outputs: task.outputs },
      site: { storage: { write: [] } },
      rules: [
        { id: 'lab', match: { groups: ['lab'] }, storage: { write: ['https://lab.org/out/'] } },
        { id: 'eve', match: { subjects: ['eve'] }, storage: { write: ['https://lab.org/eve/'] } },
      ],
    };
    expect(problems({ ...given, principal: { subject: 'ann', groups: ['lab'] } })).toEqual([]);
    expect(problems({ ...given, principal: { subject: 'eve', groups: [] } })).toEqual([
      '/outputs/0/url: asked to write https://lab.org/out/x; the ceiling is https://lab.org/eve/ (rule eve: storage.write)',
    ]);
    expect(problems(given)).toEqual([
      expect.stringContaining('the ceiling is nothing (policy.storage.write)'),
    ]);
  });

  test('that one image may not have, the task may not', () => {
    const rules = [{ id: 'odd', match: { images: ['ubuntu'] }, storage: { read: ['/pub'] } }];
    const given = { rules, task: { inputs: [{ url: '/data/x', path: '/a' }] } };
    expect(problems({ ...given, use: ['alpine'] })).toEqual([]);
    expect(problems({ ...given, use: ['alpine', 'ubuntu'] })).toEqual([
      '/inputs/0/url: asked to read /data/x; the ceiling is /pub (rule odd: storage.read)',
    ]);
  });
});

test('tags count unless the site says otherwise', () => {
  const task = { tags: { sandbox_rootfs: 'readonly' } };
  expect(resolved({ task }).sandbox.rootfs).toBe('readonly');
  expect(problems({ task, site: { tags: false } })).toEqual([
    expect.stringContaining('/tags/sandbox_rootfs'),
  ]);
});

test('a rule that decides the time alone is named', () => {
  expect(resolved({ rules: [{ id: 'short', defaults: { timeout: 5 } }] }).sandbox.rules).toEqual(['short']);
});

test('rules look at each size that is asked for, and at the site’s default where none is', () => {
  const rules = [{ id: 'big', match: { above: { ram_gb: 3, disk_gb: 20 } }, refuse: 'too big' }];
  expect(problems({ rules, task: { resources: { ram_gb: 4, disk_gb: 21 } } })).toEqual([
    ': too big (rule big)',
  ]);
  expect(problems({ rules, task: { resources: { ram_gb: 4 } } })).toEqual([]);
  expect(problems({ rules, task: { resources: { disk_gb: 21 } } })).toEqual([]);
});

test('of two ceilings for the whole task, the tighter holds, whichever executor it comes by', () => {
  const rules = [
    { id: 'u', match: { images: ['ubuntu'] }, ceilings: { cpu_cores: 1 } },
    { id: 'a', match: { images: ['alpine'] }, ceilings: { cpu_cores: 2 } },
  ];
  for (const use of [
    ['ubuntu', 'alpine'],
    ['alpine', 'ubuntu'],
    ['alpine', 'ubuntu', 'busybox'],
  ])
    expect(problems({ rules, use, task: { resources: { cpu_cores: 1.5 } } })).toEqual([
      '/resources/cpu_cores: asked 1.5, the ceiling is 1 (rule u: ceilings.cpu_cores)',
    ]);
});

describe('a profile with places', () => {
  const net = {
    isolation: 'userns',
    privilege: 'nonroot',
    network: 'egress',
    egress: ['a.org:443'],
    rootfs: 'readonly',
    compat: [],
  } as const;

  test('gives them, by default and where it is asked for', () => {
    const site = { profiles: { net } };
    expect(resolved({ site, defaults: { profile: 'net' } }).sandbox).toMatchObject({
      network: 'egress',
      egress: ['a.org:443'],
    });
    const asking = { site: { ...site, ceilings: { profile: 'net' } }, ask: { sandbox_profile: 'net' } };
    expect(resolved(asking)).toMatchObject({
      refusals: [],
      sandbox: { profile: 'net', egress: ['a.org:443'] },
    });
    expect(problems({ ...asking, ask: { sandbox_profile: 'net', sandbox_egress: 'b.org:1' } })).toEqual([
      `${AT}sandbox_egress: asked b.org:1, the ceiling is a.org:443 (policy.ceilings.profile: net)`,
    ]);
  });
});

test('places that are asked for all mean nothing for an executor without a network', () => {
  const rules = [
    {
      id: 'u',
      match: { images: ['ubuntu'] },
      ceilings: { network: 'egress' as const, egress: [{ host: 'a.org', port: 443 }] },
    },
  ];
  const ask = { sandbox_egress: 'a.org:443', 'sandbox_network.1': 'none' };
  const { refusals, sandbox } = resolved({ rules, ask, use: ['ubuntu', 'alpine'] });
  expect(refusals).toEqual([]);
  expect([0, 1].map((index) => executorSandbox(sandbox, index).network)).toEqual(['egress', 'none']);
});

test('what nobody asked for and no sandbox may be is nobody’s field', () => {
  expect(problems({ defaults: { isolation: 'namespace' } })).toEqual([
    expect.stringMatching(/^: privilege root-capless needs/),
  ]);
});

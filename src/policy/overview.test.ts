import { expect, test } from 'vitest';
import { overview } from './overview.ts';
import type { FieldOverview, Overview } from './overview.ts';
import { DEFAULT_SITE_POLICY } from './site.ts';
import type { Rule, SitePolicy } from './site.ts';

const EMPTY = { match: {}, defaults: {}, ceilings: {}, floors: {}, storage: {} };
const ANN = { subject: 'ann', groups: ['lab'] };

function seen(site: Partial<SitePolicy>, caller = ANN): Overview {
  return overview({ ...DEFAULT_SITE_POLICY, ...site }, caller);
}

function field(all: Overview, name: string): FieldOverview | undefined {
  return all.fields.find((each) => each.field === name);
}

test('of a site without a policy, the defaults are the ceilings, and of sizes the machine is', () => {
  const all = seen({});
  expect(all).toMatchObject({
    profiles: ['strict', 'standard', 'mapped-root'],
    tags: true,
    read: undefined,
    write: undefined,
    rules: [],
  });
  expect(all.fields.map((each) => each.field)).toEqual([
    'isolation',
    'privilege',
    'network',
    'rootfs',
    'compat',
    'pids',
    'timeout',
    'cpu_cores',
    'ram_gb',
    'disk_gb',
    'egress',
  ]);
  for (const size of ['cpu_cores', 'ram_gb', 'disk_gb']) expect(field(all, size)?.ceiling).toBeUndefined();
  expect(field(all, 'pids')).toEqual({
    field: 'pids',
    default: { value: '1024', from: 'policy.defaults.pids' },
    ceiling: { value: '1024', from: 'policy.defaults.pids' },
    floor: undefined,
  });
  expect(field(all, 'egress')).toEqual({
    field: 'egress',
    default: { value: 'nothing', from: 'policy.defaults.egress' },
    ceiling: { value: 'nothing', from: 'policy.defaults.egress' },
    floor: undefined,
  });
});

test('rules on the caller alone are part of it, those on tasks stand beside it, others’ are not told', () => {
  const rules: Rule[] = [
    {
      ...EMPTY,
      id: 'mine',
      match: { groups: ['lab'] },
      ceilings: { cpu_cores: 2 },
      storage: { read: ['/in'], write: [] },
    },
    {
      ...EMPTY,
      id: 'some',
      match: { subjects: ['ann'], images: ['ubuntu'] },
      defaults: { profile: 'strict', timeout: null },
      ceilings: { compat: [], pids: 9 },
      floors: { network: 'none' },
      refuse: null,
    },
    { ...EMPTY, id: 'theirs', match: { subjects: ['eve'] }, defaults: { pids: 5 }, refuse: 'x' },
    { ...EMPTY, id: 'all', floors: { rootfs: 'readonly' } },
  ];
  const all = seen({ rules, tags: false });
  expect(all).toMatchObject({ tags: false, read: ['/in'], write: [] });
  expect(field(all, 'cpu_cores')?.ceiling).toEqual({ value: '2', from: 'rule mine: ceilings.cpu_cores' });
  expect(field(all, 'rootfs')?.floor).toEqual({ value: 'readonly', from: 'rule all: floors.rootfs' });
  expect(field(all, 'pids')?.default.value).toBe('1024');
  expect(all.rules).toEqual([
    {
      id: 'some',
      match: { images: ['ubuntu'] },
      defaults: { profile: 'strict', timeout: 'none' },
      ceilings: { compat: 'none', pids: '9' },
      floors: { network: 'none' },
      refuse: null,
    },
  ]);
});

test('a list of places has its ceiling, or is the default’s', () => {
  const a = { host: 'a.org', port: 443 } as const;
  const b = { host: 'b.org', port: '*' } as const;
  const defaults = { ...DEFAULT_SITE_POLICY.defaults, egress: [a] };
  expect(field(seen({ defaults }), 'egress')).toMatchObject({
    default: { value: 'a.org:443' },
    ceiling: { value: 'a.org:443', from: 'policy.defaults.egress' },
  });
  expect(field(seen({ defaults, ceilings: { egress: [a, b] } }), 'egress')?.ceiling).toEqual({
    value: 'a.org:443,b.org:*',
    from: 'policy.ceilings.egress',
  });
});

import { expect, test } from 'vitest';
import { effectiveJson } from './effective.ts';
import { executorSandbox } from './executor.ts';
import { violations } from './invariants.ts';
import { PROFILES } from './profiles.ts';
import type { Sandbox } from './sandbox.ts';

const STANDARD: Sandbox = {
  profile: 'standard',
  ...PROFILES.standard,
  limits: {
    cpuCores: 0.5,
    memoryBytes: 2 ** 30,
    diskBytes: 2 ** 30,
    diskInodes: 65_536,
    pids: 100,
    openFiles: 1024,
    logBytes: 2 ** 20,
    wallTimeMs: null,
    queueTimeMs: null,
  },
};

test('every built-in profile is legal', () => {
  for (const [profile, fields] of Object.entries(PROFILES))
    expect(violations({ ...STANDARD, profile, ...fields })).toEqual([]);
});

test.each([
  ['uid 0 without a user namespace', { isolation: 'namespace' }, /host root/],
  ['root-mapped without a user namespace', { isolation: 'namespace', privilege: 'root-mapped' }, /host root/],
  ['an isolation that is none', { isolation: 'vm' }, /^isolation is "vm", not one of microvm/],
  ['a privilege that is none', { privilege: 'root' }, /^privilege is "root", not one of nonroot/],
  ['a root file system that is none', { rootfs: 'host' }, /^rootfs is "host", not one of readonly/],
  ['a word that is none', { network: 'host' }, /network is "host", not one of none, egress, open/],
  ['an unknown compatibility', { compat: ['ptrace', 'sys_admin'] }, /compat is "sys_admin"/],
  ['no cpu', { limits: { ...STANDARD.limits, cpuCores: 0 } }, /cpuCores is 0/],
  ['half a byte', { limits: { ...STANDARD.limits, memoryBytes: 0.5 } }, /memoryBytes is 0.5/],
  ['no end of processes', { limits: { ...STANDARD.limits, pids: Infinity } }, /pids is Infinity/],
  ['a negative wall time', { limits: { ...STANDARD.limits, wallTimeMs: -1 } }, /wallTimeMs is -1/],
  ['egress to nowhere', { network: 'egress' }, /egress lists no host:port/],
  ['an empty list for egress', { network: 'egress', egress: [] }, /egress lists no host:port/],
  ['a list without egress', { egress: ['a.org:443'] }, /egress is a list, but network is none/],
  ['a place that is none', { network: 'egress', egress: ['a.org:443', 'b.org'] }, /egress has "b.org"/],
  [
    'an executor that would be host root',
    { executors: [{ ...STANDARD, index: 2, isolation: 'namespace', pids: 1 }] },
    /^executor 2: .*host root/,
  ],
  [
    'an executor without processes',
    { executors: [{ ...STANDARD, index: 1, pids: 0 }] },
    /^executor 1: pids is 0/,
  ],
])('a sandbox can’t have %s', (_name, change, problem) => {
  // As read from outside, where types promise nothing.
  const sandbox: Sandbox = JSON.parse(JSON.stringify({ ...STANDARD, ...change }), (key, value: unknown) =>
    key === 'pids' && value === null ? Infinity : value,
  );
  expect(violations(sandbox)).toEqual([expect.stringMatching(problem)]);
});

test('a nonroot sandbox without a user namespace is legal', () => {
  expect(violations({ ...STANDARD, isolation: 'namespace', privilege: 'nonroot' })).toEqual([]);
});

test('what is reported is canonical JSON with the words of the extension', () => {
  expect(effectiveJson(STANDARD)).toBe(
    '{"compat":[],"isolation":"userns","limits":{"cpu_cores":0.5,"disk_bytes":1073741824,"disk_inodes":65536,' +
      '"log_bytes":1048576,"memory_bytes":1073741824,"open_files":1024,"pids":100,"queue_time_ms":null,"wall_time_ms":null},' +
      '"network":"none","privilege":"root-capless","rootfs":"ephemeral"}',
  );
});

test('egress is reported in one order, and only where it is', () => {
  const sandbox: Sandbox = { ...STANDARD, network: 'egress', egress: ['b.org:80', 'a.org:443'] };
  expect(violations(sandbox)).toEqual([]);
  expect(effectiveJson(sandbox)).toContain('"compat":[],"egress":["a.org:443","b.org:80"],"isolation"');
});

test('an executor has its own sandbox, or that of all, with nothing about others', () => {
  const { limits, ...own } = STANDARD;
  const strict = { ...own, ...PROFILES.strict, profile: 'strict' };
  const sandbox: Sandbox = {
    ...STANDARD,
    network: 'egress',
    egress: ['a.org:443'],
    executors: [{ ...strict, index: 2, pids: 7 }],
    rules: ['lab'],
  };
  expect(executorSandbox(sandbox, 0)).toEqual({ ...STANDARD, network: 'egress', egress: ['a.org:443'] });
  expect(executorSandbox(sandbox, 2)).toEqual({ ...strict, limits: { ...limits, pids: 7 } });
  expect(executorSandbox(STANDARD, 5)).toEqual(STANDARD);
});

import { describe, expect, it } from 'vitest';
import { SMALL_LIMITS } from '../../../test/fixtures/limits.ts';
import { PROFILES } from '../../sandbox/profiles.ts';
import type { Sandbox } from '../../sandbox/sandbox.ts';
import { hints, type Failure } from './hints.ts';

function failure(stderr: string, sandbox: Partial<Sandbox> = {}, changes: Partial<Failure> = {}): Failure {
  return {
    exitCode: 1,
    sandbox: {
      profile: 'standard',
      ...PROFILES.standard,
      limits: SMALL_LIMITS,
      ...sandbox,
    },
    uid: 0,
    isStandIn: false,
    inputs: ['/in/reads.bam', '/data/ref', '/with space/a b'],
    stderr,
    ...changes,
  };
}

const NONROOT = { uid: 65_532, isStandIn: true };
const ORDINARY = { uid: 1000 };

describe('what a failed command ran against', () => {
  it.each<[line: string, sandbox: Partial<Sandbox>, changes: Partial<Failure>, hint: RegExp]>([
    // Owners, users and groups.
    ['chown: /x: Operation not permitted', {}, {}, /; sandbox_privilege=root-mapped grants them$/],
    ["chown: changing ownership of '/x': Operation not permitted", {}, {}, /root-mapped/],
    ['tar: a: Cannot change ownership to uid 7, gid 7: Operation not permitted', {}, {}, /root-mapped/],
    ["PermissionError: [Errno 1] Operation not permitted: '/x'", {}, {}, /root-mapped/],
    ['E: setgroups 65534 failed - setgroups (1: Operation not permitted)', {}, {}, /root-mapped/],
    ["Error: EPERM: operation not permitted, chown '/x'", {}, {}, /root-mapped/],
    [
      'chown: /x: Operation not permitted',
      { privilege: 'nonroot' },
      NONROOT,
      /\(sandbox_privilege=nonroot\)/,
    ],
    ['chown: /x: Operation not permitted', {}, ORDINARY, /runs as uid 1000; .* image that runs as root$/],
    // What can't be written.
    ['touch: /x: Read-only file system', { rootfs: 'readonly' }, {}, /sandbox_rootfs=ephemeral lets/],
    ["OSError: [Errno 30] Read-only file system: '/x'", { rootfs: 'readonly' }, {}, /ephemeral/],
    ['sh: can’t create /proc/sys/x: Read-only file system', {}, {}, /no parameter makes/],
    // The network.
    ['wget: bad address ’example.org’', {}, {}, /sandbox_egress=HOST:PORT/],
    ['curl: (6) Could not resolve host: example.org', {}, {}, /sandbox_network=egress/],
    ['nc: 192.0.2.1 (192.0.2.1:80): Network is unreachable', {}, {}, /sandbox_network=egress/],
    ['connect to 192.0.2.1 port 80: Connection refused', {}, {}, /sandbox_network=egress/],
    ['dial tcp: lookup a.org on 127.0.0.1:53: read udp: connection refused', {}, {}, /sandbox_network/],
    ['dial tcp: lookup a.org on [::1]:53: read udp: connection refused', {}, {}, /sandbox_network/],
    ['Error: getaddrinfo ENOTFOUND a.org', {}, {}, /sandbox_network/],
    // System calls.
    ['strace: PTRACE_TRACEME: Function not implemented', {}, {}, /sandbox_compat=ptrace lets/],
    ['warning: ptrace: Function not implemented', { compat: ['ptrace'] }, {}, /no parameter grants it$/],
    ['keyctl: add_key: Function not implemented', {}, {}, /no parameter grants it$/],
    ['mount: /mnt: Operation not permitted', {}, {}, /mounts, .* are for no task/],
    ['mount: permission denied (are you root?)', {}, {}, /are for no task/],
    ['/bin/unshare: unshare(0x20000): Function not implemented', {}, {}, /are for no task/],
    // Inputs.
    [
      "cat: can't open '/in/reads.bam': Permission denied",
      {},
      {},
      /^.*the input \/in\/reads\.bam .*root-mapped/,
    ],
    ['samtools: reads.bam: Permission denied', {}, ORDINARY, /\(uid 1000\); make it readable .* from$/],
    ['cat: /data/ref/chr1.fa: Permission denied', {}, {}, /the input \/data\/ref /],
    ['cat: /in/reads.bam: Permission denied', { privilege: 'root-mapped' }, {}, /comes from$/],
    // Other files.
    ['cat: /root/tool: Permission denied', { privilege: 'nonroot' }, NONROOT, /root-capless runs it/],
    ['cat: /home/user/x: Permission denied', {}, {}, /root-mapped grants it$/],
  ])('%s', (line, sandbox, changes, hint) => {
    const [told, ...others] = hints(failure(`starting\n${line}\n`, sandbox, changes));
    expect(told).toMatch(hint);
    expect(told).toContain(`stderr says ${JSON.stringify(line)}`);
    expect(others).toEqual([]);
  });

  it.each<[line: string, sandbox: Partial<Sandbox>, changes: Partial<Failure>]>([
    ['the input is empty', {}, {}],
    ['', {}, {}],
    // What the sandbox has no part in.
    ['chown: /x: Operation not permitted', { privilege: 'root-mapped' }, {}],
    ['psql: connection to 127.0.0.1 port 5432: Connection refused', {}, {}],
    ['curl: (7) Failed to connect to localhost port 80: Connection refused', {}, {}],
    ['curl: (7) a.org port 80: Connection refused', { network: 'open' }, {}],
    ['git@example.org: Permission denied (publickey).', {}, {}],
    ['cat: /etc/shadow: Permission denied', {}, ORDINARY],
    ['cat: /x: Permission denied', { privilege: 'root-mapped' }, {}],
    ['sh: /in/run.sh: Permission denied', {}, { exitCode: 126, inputs: [] }],
  ])('%j is not explained', (line, sandbox, changes) => {
    expect(hints(failure(`${line}\n`, sandbox, changes))).toEqual([]);
  });

  it('is told once for each kind, by the last of its lines', () => {
    const told = hints(
      failure(
        'chown: /a: Operation not permitted\nwget: bad address ’a.org’\nchown: /b: Operation not permitted\n',
      ),
    );
    expect(told).toEqual([expect.stringContaining('chown: /b'), expect.stringContaining('a.org')]);
  });

  it('quotes what a terminal would obey, and no more than names the thing', () => {
    const [told = ''] = hints(failure(`\u001b[31mchown: /${'x'.repeat(5000)}: Operation not permitted`));
    expect(told).toContain(String.raw`"\u001b[31mchown`);
    expect(told.length).toBeLessThan(500);
  });

  it('reads a megabyte of anything at once', () => {
    const begun = performance.now();
    hints(failure(`${'Permission '.repeat(50_000)}\n${'\'"`:'.repeat(125_000)}\n`));
    // Generous: what it must not be is quadratic.
    expect(performance.now() - begun).toBeLessThan(5000);
  });
});

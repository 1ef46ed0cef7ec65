import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seccompProfile, type SeccompRule } from './seccomp.ts';

const profile = seccompProfile([]);

/** What the filter answers, by the meaning of the OCI comparison operators. */
function verdict(
  name: string,
  args: readonly bigint[],
  rules: readonly SeccompRule[] = profile.syscalls,
): string {
  const matching = rules.filter(
    (rule) =>
      rule.names.includes(name) &&
      (rule.args ?? []).every((wanted) => {
        const value = args[wanted.index] ?? 0n;
        if (wanted.op === 'SCMP_CMP_EQ') return value === BigInt(wanted.value);
        if (wanted.op === 'SCMP_CMP_NE') return value !== BigInt(wanted.value);
        return (value & BigInt(wanted.value)) === BigInt(wanted.valueTwo ?? 0);
      }),
  );
  return matching[0]?.action ?? profile.defaultAction;
}

describe('the seccomp profile', () => {
  it('answers ENOSYS for what it does not list, so that libraries fall back', () => {
    expect(profile.defaultAction).toBe('SCMP_ACT_ERRNO');
    expect(profile.defaultErrnoRet).toBe(38);
    expect(profile.architectures).toEqual(['SCMP_ARCH_X86_64']);
  });

  it.each([
    'unshare',
    'setns',
    'mount',
    'umount2',
    'pivot_root',
    'fsopen',
    'fsmount',
    'move_mount',
    'open_tree',
    'mount_setattr',
    'clone3',
    'bpf',
    'perf_event_open',
    'io_uring_setup',
    'io_uring_enter',
    'userfaultfd',
    'open_by_handle_at',
    'keyctl',
    'add_key',
    'request_key',
    'init_module',
    'finit_module',
    'delete_module',
    'kexec_load',
    'kexec_file_load',
    'reboot',
    'swapon',
    'clock_settime',
    'settimeofday',
    'adjtimex',
    'clock_adjtime',
    'ptrace',
    'process_vm_readv',
    'process_vm_writev',
    'kcmp',
    'pidfd_getfd',
    'iopl',
    'ioperm',
    'acct',
    'quotactl',
    'syslog',
    'vhangup',
    'nfsservctl',
    'lookup_dcookie',
    'fanotify_init',
    'modify_ldt',
    'memfd_secret',
  ])('lets nobody call %s', (name) => {
    expect(profile.syscalls.some(({ names }) => names.includes(name))).toBe(false);
  });

  it('opens ptrace by compat alone', () => {
    expect(verdict('ptrace', [], seccompProfile(['ptrace']).syscalls)).toBe('SCMP_ACT_ALLOW');
  });

  it('lists no system call twice without a condition', () => {
    const unconditional = profile.syscalls
      .filter(({ args }) => args === undefined)
      .flatMap(({ names }) => names);
    expect(new Set(unconditional).size).toBe(unconditional.length);
  });

  it('allows every ioctl but TIOCSTI, whatever the upper half of the argument holds', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (request) => {
        const isTiocsti = (request & 0xffffffffn) === 0x5412n;
        expect(verdict('ioctl', [3n, request])).toBe(isTiocsti ? 'SCMP_ACT_ERRNO' : 'SCMP_ACT_ALLOW');
      }),
    );
    for (const upper of [0n, 1n, 0xffffffffn])
      expect(verdict('ioctl', [0n, (upper << 32n) | 0x5412n])).toBe('SCMP_ACT_ERRNO');
  });

  it.each([
    ['UNIX stream', 1n, 1n, 0n, true],
    ['INET TCP, close on exec', 2n, 0o2000001n, 6n, true],
    ['INET6 UDP', 10n, 2n, 17n, true],
    ['NETLINK_ROUTE', 16n, 3n, 0n, true],
    ['INET raw', 2n, 3n, 1n, false],
    ['MPTCP', 2n, 1n, 262n, false],
    ['SCTP', 2n, 1n, 132n, false],
    ['NETLINK_AUDIT', 16n, 3n, 9n, false],
    ['NETLINK_XFRM', 16n, 3n, 6n, false],
    ['PACKET', 17n, 3n, 0n, false],
    ['ALG', 38n, 5n, 0n, false],
    ['VSOCK', 40n, 1n, 0n, false],
  ])('socket: %s', (_, family, type, protocol, isAllowed) => {
    expect(verdict('socket', [family, type, protocol]) === 'SCMP_ACT_ALLOW').toBe(isAllowed);
  });

  it('allows threads and processes but no namespace by clone', () => {
    expect(verdict('clone', [0x3d0f00n])).toBe('SCMP_ACT_ALLOW');
    expect(verdict('clone', [17n])).toBe('SCMP_ACT_ALLOW');
    for (const flag of [
      0x20000n,
      0x2000000n,
      0x4000000n,
      0x8000000n,
      0x10000000n,
      0x20000000n,
      0x40000000n,
    ]) {
      expect(verdict('clone', [flag | 17n])).toBe('SCMP_ACT_ERRNO');
    }
  });
});

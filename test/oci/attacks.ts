import { existsSync } from 'node:fs';
import type { RuntimeSpec } from '../../src/backends/oci/compile.ts';
import {
  allowingNewPrivileges,
  withCapabilities,
  withoutMaskedPaths,
  withoutReadonlyPaths,
  withoutSeccomp,
  withoutUserNamespace,
} from './weakenings.ts';

/** Prints `succeeded` where it does. */
export interface Attack {
  readonly name: string;
  readonly image?: string;
  readonly command: readonly string[];
  /** Takes away the protection that it is held by. */
  readonly weaken: (spec: RuntimeSpec) => object;
}

/** Numbers are those of x86_64 (linux/arch/x86/entry/syscalls/syscall_64.tbl). */
export const ATTACKS: readonly Attack[] = [
  {
    name: 'root gives a file away (no CAP_CHOWN)',
    command: sh('touch /tmp/file && chown 5:5 /tmp/file && echo succeeded'),
    weaken: withCapabilities('CAP_CHOWN'),
  },
  {
    name: 'root reads what belongs to another user (no CAP_DAC_OVERRIDE)',
    command: sh('cat /etc/private && echo succeeded'),
    weaken: withCapabilities('CAP_DAC_OVERRIDE'),
  },
  {
    name: 'a user becomes root by a setuid file (no new privileges)',
    image: 'box:user',
    command: ['perl-setuid', '-e', 'print "succeeded" if $> == 0'],
    weaken: allowingNewPrivileges,
  },
  {
    name: 'a user namespace is made by unshare (system call filter)',
    command: perl('print "succeeded" if syscall(272, 0x10000000) == 0'),
    weaken: withoutSeccomp,
  },
  {
    name: 'a user namespace is made by clone (system call filter)',
    command: perl('my $p = syscall(56, 0x10000011, 0, 0, 0, 0); exit 0 if !$p; print "succeeded" if $p > 0'),
    weaken: withoutSeccomp,
  },
  {
    name: 'something is mounted (system call filter and no CAP_SYS_ADMIN)',
    command: sh('mount -t tmpfs none /tmp && echo succeeded'),
    weaken: (spec) => withoutSeccomp(withCapabilities('CAP_SYS_ADMIN')(spec)),
  },
  {
    name: 'a raw socket is made (system call filter and no CAP_NET_RAW)',
    command: perl('print "succeeded" if socket(my $s, 2, 3, 1)'),
    weaken: (spec) => withoutSeccomp(withCapabilities('CAP_NET_RAW')(spec)),
  },
  {
    name: 'a packet socket is made (system call filter and no CAP_NET_RAW)',
    command: perl('print "succeeded" if socket(my $s, 17, 3, 0)'),
    weaken: (spec) => withoutSeccomp(withCapabilities('CAP_NET_RAW')(spec)),
  },
  {
    name: 'a key is put into a keyring of the kernel (system call filter)',
    command: perl(
      'print "succeeded" if syscall(248, my $t = "user", my $n = "name", my $k = "key", 3, -2) > 0',
    ),
    weaken: withoutSeccomp,
  },
  {
    name: 'io_uring is set up (system call filter)',
    command: perl('print "succeeded" if syscall(425, 4, my $parameters = "\\0" x 120) >= 0'),
    weaken: withoutSeccomp,
  },
  {
    name: 'a process is traced (system call filter)',
    // PTRACE_ATTACH to nobody: where the kernel looks for a process, it says ESRCH. To be traced by the init would hang.
    command: perl('print "succeeded" if syscall(101, 16, 4000000, 0, 0) == -1 && $! == 3'),
    weaken: withoutSeccomp,
  },
  {
    name: 'a character is pushed into a terminal by TIOCSTI (system call filter)',
    command: perl(tiocsti('0x5412')),
    weaken: withoutSeccomp,
  },
  {
    name: 'a character is pushed into a terminal by TIOCSTI with higher bits set (system call filter)',
    command: perl(tiocsti('0x100005412')),
    weaken: withoutSeccomp,
  },
  {
    name: 'a setting of the network namespace is changed (read-only /proc/sys and no CAP_NET_ADMIN)',
    command: sh('echo 99 > /proc/sys/net/ipv4/ip_default_ttl && echo succeeded'),
    weaken: (spec) => withoutReadonlyPaths(withCapabilities('CAP_NET_ADMIN')(spec)),
  },
  {
    // Opened, never written: the control would reach this machine.
    name: 'core_pattern of the host is opened for writing (user namespace and read-only /proc/sys)',
    command: perl('print "succeeded" if open my $f, ">>", "/proc/sys/kernel/core_pattern"'),
    weaken: (spec) => withoutReadonlyPaths(withoutUserNamespace(spec)),
  },
  // Of those that this host's kernel has.
  ...['/proc/sysrq-trigger', '/proc/irq/default_smp_affinity'].filter(existsSync).map((path): Attack => ({
    name: `${path} of the host is opened for writing (user namespace and read-only path)`,
    command: perl(`print "succeeded" if open my $f, ">>", "${path}"`),
    weaken: (spec) => withoutReadonlyPaths(withoutUserNamespace(spec)),
  })),
  {
    name: 'interrupts of the host are read (masked path)',
    command: sh('[ -n "$(head -n 1 /proc/interrupts)" ] && echo succeeded'),
    weaken: withoutMaskedPaths,
  },
  {
    name: 'a device is made (user namespace, system call filter, no CAP_MKNOD)',
    command: sh('rm -f /tmp/zero; mknod /tmp/zero c 1 5 && echo succeeded'),
    weaken: (spec) => withoutSeccomp(withCapabilities('CAP_MKNOD')(withoutUserNamespace(spec))),
  },
];

function sh(script: string): string[] {
  return ['sh', '-c', script];
}

function perl(code: string): string[] {
  return ['perl', '-e', code];
}

/** In a session of its own, on a terminal of its own: the character is read back from it. */
function tiocsti(request: string): string {
  return `
    defined(my $pid = fork) or die; if ($pid) { waitpid $pid, 0; exit 0 }
    $SIG{HUP} = "IGNORE"; # the terminal hangs up at the end
    syscall(112); # setsid
    open my $master, "+<", "/dev/ptmx" or die "ptmx: $!";
    ioctl $master, 0x40045431, my $unlocked = pack "i", 0; # TIOCSPTLCK
    ioctl $master, 0x80045430, my $number = pack "i", 0; # TIOCGPTN
    my $path = "/dev/pts/" . unpack "i", $number;
    open my $slave, "+<", $path or die "$path: $!";
    syscall(16, fileno $slave, 0x540e, 0); # TIOCSCTTY
    my @typed = map { my $c = $_; syscall(16, fileno $slave, ${request}, $c) } "x", "\\n";
    die "refused: $!" if grep { $_ != 0 } @typed;
    sysread $slave, my $read, 10;
    print $read eq "x\\n" ? "succeeded" : "read $read";
  `;
}

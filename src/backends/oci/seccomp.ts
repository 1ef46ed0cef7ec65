import type { Compat } from '../../sandbox/sandbox.ts';

/** The `linux.seccomp` part of an OCI runtime specification 1.0. */
export interface SeccompProfile {
  readonly defaultAction: 'SCMP_ACT_ERRNO';
  readonly defaultErrnoRet: number;
  readonly architectures: readonly string[];
  readonly syscalls: readonly SeccompRule[];
}

export interface SeccompRule {
  readonly names: readonly string[];
  readonly action: 'SCMP_ACT_ALLOW' | 'SCMP_ACT_ERRNO';
  readonly errnoRet?: number;
  readonly args?: readonly SeccompArgument[];
}

interface SeccompArgument {
  readonly index: number;
  readonly value: number;
  readonly valueTwo?: number;
  readonly op: 'SCMP_CMP_EQ' | 'SCMP_CMP_MASKED_EQ' | 'SCMP_CMP_NE';
}

/**
 * Our own profile rather than a runtime's default, which differs between runtimes. What isn't listed answers ENOSYS,
 * not EPERM: libraries then fall back as on an older kernel (`clone3` to `clone`, `openat2` to `openat`).
 * x86_64 only: a 32-bit or x32 entry ends the process by SIGSYS.
 */
export function seccompProfile(compat: readonly Compat[]): SeccompProfile {
  return {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: ENOSYS,
    architectures: ['SCMP_ARCH_X86_64'],
    syscalls: [
      { names: ALLOWED, action: 'SCMP_ACT_ALLOW' },
      {
        names: ['clone'],
        action: 'SCMP_ACT_ALLOW',
        args: [{ index: 0, value: CLONE_NEW_ANY, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' }],
      },
      ...PERSONALITIES.map((value): SeccompRule => ({
        names: ['personality'],
        action: 'SCMP_ACT_ALLOW',
        args: [{ index: 0, value, op: 'SCMP_CMP_EQ' }],
      })),
      ...socketRules(),
      ...ioctlRules(),
      ...(compat.includes('ptrace') ? [{ names: PTRACE, action: 'SCMP_ACT_ALLOW' } as const] : []),
    ],
  };
}

const ENOSYS = 38;
const EPROTONOSUPPORT = 93;

/** CLONE_NEWNS | NEWCGROUP | NEWUTS | NEWIPC | NEWUSER | NEWPID | NEWNET (linux/sched.h); NEWTIME is out of reach of clone. */
const CLONE_NEW_ANY = 0x7e020000;

/** PER_LINUX, PER_LINUX32, their UNAME26 variants, ADDR_NO_RANDOMIZE (debuggers, some Lisps), and the query. */
const PERSONALITIES = [0x0, 0x8, 0x20000, 0x20008, 0x40000, 0xffffffff];

const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;
const AF_NETLINK = 16;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_TYPE_MASK = 0xf;
const IPPROTO_TCP = 6;
const IPPROTO_UDP = 17;
const NETLINK_ROUTE = 0;

/** UNIX, INET and INET6 with TCP and UDP only (no raw, MPTCP or SCTP), and NETLINK_ROUTE, which getifaddrs needs. */
function socketRules(): SeccompRule[] {
  const inet = [AF_INET, AF_INET6].flatMap((family) =>
    [
      [SOCK_STREAM, 0],
      [SOCK_STREAM, IPPROTO_TCP],
      [SOCK_DGRAM, 0],
      [SOCK_DGRAM, IPPROTO_UDP],
    ].map(([type, protocol]): SeccompRule => ({
      names: ['socket'],
      action: 'SCMP_ACT_ALLOW',
      args: [
        { index: 0, value: family, op: 'SCMP_CMP_EQ' },
        { index: 1, value: SOCK_TYPE_MASK, valueTwo: type ?? 0, op: 'SCMP_CMP_MASKED_EQ' },
        { index: 2, value: protocol ?? 0, op: 'SCMP_CMP_EQ' },
      ],
    })),
  );
  return [
    {
      names: ['socket', 'socketpair'],
      action: 'SCMP_ACT_ALLOW',
      args: [{ index: 0, value: AF_UNIX, op: 'SCMP_CMP_EQ' }],
    },
    ...inet,
    {
      names: ['socket'],
      action: 'SCMP_ACT_ALLOW',
      args: [
        { index: 0, value: AF_NETLINK, op: 'SCMP_CMP_EQ' },
        { index: 2, value: NETLINK_ROUTE, op: 'SCMP_CMP_EQ' },
      ],
    },
    // libaudit, and so su and chpasswd, give up on EPERM but take this for a kernel without audit.
    {
      names: ['socket'],
      action: 'SCMP_ACT_ERRNO',
      errnoRet: EPROTONOSUPPORT,
      args: [
        { index: 0, value: AF_NETLINK, op: 'SCMP_CMP_EQ' },
        { index: 2, value: NETLINK_ROUTE, op: 'SCMP_CMP_NE' },
      ],
    },
  ];
}

/**
 * Every request but TIOCSTI (0x5412), which types into a terminal. The kernel looks at the low 32 bits alone, so that
 * a 64-bit comparison lets 0x100005412 through; there is no masked inequality, hence one rule for each bit in which
 * an allowed request differs.
 */
function ioctlRules(): SeccompRule[] {
  const TIOCSTI = 0x5412;
  return Array.from({ length: 32 }, (_, bit): SeccompRule => {
    const mask = 2 ** bit;
    const isSet = Math.floor(TIOCSTI / mask) % 2 === 1;
    return {
      names: ['ioctl'],
      action: 'SCMP_ACT_ALLOW',
      args: [{ index: 1, value: mask, valueTwo: isSet ? 0 : mask, op: 'SCMP_CMP_MASKED_EQ' }],
    };
  });
}

const PTRACE = ['ptrace', 'process_vm_readv', 'process_vm_writev', 'kcmp', 'pidfd_getfd'];

/* oxfmt-ignore */
const ALLOWED = [
  // Files.
  'access', 'cachestat', 'chdir', 'chmod', 'chown', 'chroot', 'close', 'close_range', 'copy_file_range', 'creat', 'dup', 'dup2', 'dup3',
  'faccessat', 'faccessat2', 'fadvise64', 'fallocate', 'fchdir', 'fchmod', 'fchmodat', 'fchmodat2', 'fchown', 'fchownat', 'fcntl',
  'fdatasync', 'fgetxattr', 'flistxattr', 'flock', 'fremovexattr', 'fsetxattr', 'fstat', 'fstatfs', 'fsync', 'ftruncate', 'futimesat',
  'getcwd', 'getdents', 'getdents64', 'getxattr', 'inotify_add_watch', 'inotify_init', 'inotify_init1', 'inotify_rm_watch', 'lchown',
  'lgetxattr', 'link', 'linkat', 'listxattr', 'llistxattr', 'lremovexattr', 'lseek', 'lsetxattr', 'lstat', 'mkdir', 'mkdirat', 'mknod',
  'mknodat', 'name_to_handle_at', 'newfstatat', 'open', 'openat', 'openat2', 'pread64', 'preadv', 'preadv2', 'pwrite64', 'pwritev',
  'pwritev2', 'read', 'readahead', 'readlink', 'readlinkat', 'readv', 'removexattr', 'rename', 'renameat', 'renameat2', 'rmdir',
  'sendfile', 'setxattr', 'splice', 'stat', 'statfs', 'statx', 'symlink', 'symlinkat', 'sync', 'sync_file_range', 'syncfs', 'tee',
  'truncate', 'umask', 'unlink', 'unlinkat', 'utime', 'utimensat', 'utimes', 'vmsplice', 'write', 'writev',
  // Waiting.
  'epoll_create', 'epoll_create1', 'epoll_ctl', 'epoll_pwait', 'epoll_pwait2', 'epoll_wait', 'eventfd', 'eventfd2', 'io_cancel',
  'io_destroy', 'io_getevents', 'io_pgetevents', 'io_setup', 'io_submit', 'pipe', 'pipe2', 'poll', 'ppoll', 'pselect6', 'select',
  'signalfd', 'signalfd4', 'timerfd_create', 'timerfd_gettime', 'timerfd_settime',
  // Memory.
  'brk', 'get_mempolicy', 'madvise', 'map_shadow_stack', 'mbind', 'membarrier', 'memfd_create', 'mincore', 'mlock', 'mlock2', 'mlockall',
  'mmap', 'mprotect', 'mremap', 'msync', 'munlock', 'munlockall', 'munmap', 'pkey_alloc', 'pkey_free', 'pkey_mprotect',
  'process_mrelease', 'remap_file_pages', 'set_mempolicy', 'set_mempolicy_home_node',
  // Processes and threads.
  'arch_prctl', 'capget', 'capset', 'execve', 'execveat', 'exit', 'exit_group', 'fork', 'futex', 'futex_requeue', 'futex_wait',
  'futex_waitv', 'futex_wake', 'get_robust_list', 'get_thread_area', 'getcpu', 'getegid', 'geteuid', 'getgid', 'getgroups', 'getpgid',
  'getpgrp', 'getpid', 'getppid', 'getpriority', 'getresgid', 'getresuid', 'getrlimit', 'getrusage', 'getsid', 'gettid', 'getuid',
  'ioprio_get', 'ioprio_set', 'kill', 'pause', 'pidfd_open', 'pidfd_send_signal', 'prctl', 'prlimit64', 'restart_syscall', 'rseq',
  'rt_sigaction', 'rt_sigpending', 'rt_sigprocmask', 'rt_sigqueueinfo', 'rt_sigreturn', 'rt_sigsuspend', 'rt_sigtimedwait',
  'rt_tgsigqueueinfo', 'sched_get_priority_max', 'sched_get_priority_min', 'sched_getaffinity', 'sched_getattr', 'sched_getparam',
  'sched_getscheduler', 'sched_rr_get_interval', 'sched_setaffinity', 'sched_setattr', 'sched_setparam', 'sched_setscheduler',
  'sched_yield', 'seccomp', 'set_robust_list', 'set_thread_area', 'set_tid_address', 'setfsgid', 'setfsuid', 'setgid', 'setgroups',
  'setpgid', 'setpriority', 'setregid', 'setresgid', 'setresuid', 'setreuid', 'setrlimit', 'setsid', 'setuid', 'sigaltstack', 'tgkill',
  'tkill', 'vfork', 'wait4', 'waitid',
  // Time.
  'alarm', 'clock_getres', 'clock_gettime', 'clock_nanosleep', 'getitimer', 'gettimeofday', 'nanosleep', 'setitimer', 'time',
  'timer_create', 'timer_delete', 'timer_getoverrun', 'timer_gettime', 'timer_settime', 'times',
  // Sockets that exist, and System V and POSIX message passing within the task's own ipc namespace.
  'accept', 'accept4', 'bind', 'connect', 'getpeername', 'getsockname', 'getsockopt', 'listen', 'mq_getsetattr', 'mq_notify', 'mq_open',
  'mq_timedreceive', 'mq_timedsend', 'mq_unlink', 'msgctl', 'msgget', 'msgrcv', 'msgsnd', 'recvfrom', 'recvmmsg', 'recvmsg', 'semctl',
  'semget', 'semop', 'semtimedop', 'sendmmsg', 'sendmsg', 'sendto', 'setsockopt', 'shmat', 'shmctl', 'shmdt', 'shmget', 'shutdown',
  // The machine.
  'getrandom', 'sysinfo', 'uname',
];

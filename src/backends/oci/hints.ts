import { posix } from 'node:path';
import type { Sandbox } from '../../sandbox/sandbox.ts';

export interface Failure {
  readonly exitCode: number;
  readonly sandbox: Sandbox;
  /** Whom the executor runs as, in the container. */
  readonly uid: number;
  /** The sandbox forbids the image's own user, which is root, and another stands in for it. */
  readonly isStandIn: boolean;
  /** Where the task's inputs are. */
  readonly inputs: readonly string[];
  /** What the executor wrote to stderr, or the beginning and the end of it. */
  readonly stderr: string;
}

/**
 * What of the sandbox a failed command ran against, in its own words, and the parameter that would grant it; none where it doesn't
 * tell of such a thing. The kernel counts no refusals: all that is known is what the tool says, so each hint quotes
 * it, at most one for each kind, from the end, where what ended a tool stands. Pure.
 */
export function hints(failure: Failure): string[] {
  const lines = failure.stderr.split('\n').toReversed();
  return DENIALS.flatMap(({ isTold, hint }) => {
    for (const line of lines) {
      const text = isTold(line, failure) ? hint(failure, line) : undefined;
      if (text !== undefined) return [`stderr says ${quoted(line)}: ${text}`];
    }
    return [];
  });
}

interface Denial {
  readonly isTold: (line: string, failure: Failure) => boolean;
  /** Undefined where the sandbox has no part in it. */
  readonly hint: (failure: Failure, line: string) => string | undefined;
}

/** In the words of glibc and musl, which agree where one is given; names of errors as Node and Go have them. */
const NOT_PERMITTED = /Operation not permitted|\bEPERM\b/;
/** Not `Permission denied (publickey)`, which is another machine's. */
const NO_ACCESS = /Permission denied(?! \()|\bEACCES\b/;
const READ_ONLY = /Read-only file system|\bEROFS\b/;
const NO_SYSTEM_CALL = /Function not implemented|\bENOSYS\b/;
const NO_NETWORK =
  /Network (?:is )?unreachable|Connection refused|No route to host|could(?: not|n't) resolve|failure (?:in name resolution|resolving)|Name or service not known|bad address|unable to resolve host|unknown host|\b(?:ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ENETUNREACH)\b/i;

/** Programs of system administration, by the name that stands before their message. */
const FOR_NOBODY =
  /^(?:\S*\/)?(?:mount|umount|losetup|swapon|unshare|nsenter|modprobe|insmod|sysctl|dmesg|ip|iptables|nft|ping|tcpdump|hwclock|date):/;
const REFUSED = /(?:permission denied|not permitted|not implemented)/i;

/** A place that is the task's own, but for the resolver, which isn't there. */
const LOOPBACK = /\blocalhost\b|\b127\.\d+\.\d+\.\d+|::1\b/;
const RESOLVER = /\[?(?:127\.0\.0\.1|::1)\]?:53\b/g;

const DENIALS: readonly Denial[] = [
  {
    isTold: isForNobody,
    hint: () =>
      'mounts, namespaces, raw sockets, clocks and settings of the kernel are for no task; no parameter grants them',
  },
  {
    isTold: (line) => NOT_PERMITTED.test(line) && !isForNobody(line),
    hint: ownership,
  },
  {
    isTold: (line, failure) => NO_ACCESS.test(line) && inputIn(line, failure) !== undefined,
    hint: unreadableInput,
  },
  {
    isTold: (line, failure) =>
      NO_ACCESS.test(line) && !isForNobody(line) && inputIn(line, failure) === undefined,
    hint: access,
  },
  {
    isTold: (line) => READ_ONLY.test(line),
    hint: ({ sandbox }) =>
      sandbox.rootfs === 'readonly'
        ? 'the root file system is read-only (sandbox_rootfs=readonly); sandbox_rootfs=ephemeral lets a task write there, and a path in volumes makes that folder writable'
        : 'the place is not of the root file system, which can be written; no parameter makes the kernel’s own files writable',
  },
  {
    isTold: (line) => NO_SYSTEM_CALL.test(line) && !isForNobody(line),
    hint: ({ sandbox }, line) =>
      /trace|gdb|process_vm/i.test(line) && !sandbox.compat.includes('ptrace')
        ? 'a task may not trace processes; sandbox_compat=ptrace lets it trace its own'
        : 'the sandbox has no such system call, or this kernel hasn’t; no parameter grants it',
  },
  {
    isTold: (line) => NO_NETWORK.test(line) && !LOOPBACK.test(line.replaceAll(RESOLVER, '')),
    hint: ({ sandbox }) =>
      sandbox.network === 'none'
        ? 'the task has no network (sandbox_network=none); sandbox_network=egress with sandbox_egress=HOST:PORT opens that place alone, and an input can be fetched for the task before it starts'
        : undefined,
  },
];

function isForNobody(line: string): boolean {
  return FOR_NOBODY.test(line) && REFUSED.test(line);
}

function ownership({ sandbox, uid, isStandIn }: Failure): string | undefined {
  if (sandbox.privilege === 'root-mapped') return undefined;
  const lack = 'to change owners, users and groups takes capabilities that the executor does not have';
  return uid === 0 || isStandIn
    ? `${lack} (sandbox_privilege=${sandbox.privilege}); sandbox_privilege=root-mapped grants them`
    : `${lack}, since its image runs as uid ${uid}; sandbox_privilege=root-mapped grants them to an image that runs as root`;
}

function unreadableInput(failure: Failure, line: string): string {
  const { uid, sandbox } = failure;
  const found = `the input ${inputIn(line, failure)} has a mode that keeps the executor's user out (uid ${uid})`;
  const remedy = 'make it readable for all where it comes from';
  return uid === 0 && sandbox.privilege !== 'root-mapped'
    ? `${found}; ${remedy}, or ask for sandbox_privilege=root-mapped, where uid 0 passes over modes`
    : `${found}; ${remedy}`;
}

/** An ordinary user whom the image itself keeps out is none of the sandbox's doing, nor is a file that isn't executable. */
function access({ exitCode, sandbox, uid, isStandIn }: Failure): string | undefined {
  if (isStandIn)
    return `the image is made for root, and runs as uid ${uid} (sandbox_privilege=nonroot); sandbox_privilege=root-capless runs it as its own user`;
  if (exitCode === 126 || uid !== 0 || sandbox.privilege === 'root-mapped') return undefined;
  return `uid 0 has no capability that passes over the modes of files (sandbox_privilege=${sandbox.privilege}); sandbox_privilege=root-mapped grants it`;
}

/** The input that a line is about: by its path, by a path below it, or by its name, as who works in its folder calls it. */
function inputIn(line: string, { inputs }: Failure): string | undefined {
  const words = line.split(/[\s'"`,;()‘’]+/).map((word) => word.replace(/:+$/, ''));
  return inputs.find((path) =>
    words.some((word) => word === path || word.startsWith(`${path}/`) || word === posix.basename(path)),
  );
}

/** As much of it as names the thing; with control characters spelled out. */
function quoted(line: string): string {
  const text = line.trim();
  return JSON.stringify(text.length > 200 ? `${text.slice(0, 199)}…` : text);
}

import { constants } from 'node:os';
import type { Sandbox } from '../../sandbox/sandbox.ts';
import type { Counters } from '../../warden/warden.ts';
import type { KillReason } from '../backend.ts';
import type { Exit } from './exits.ts';
import { hints } from './hints.ts';

export interface Ending {
  readonly exit: Exit;
  readonly counters: Counters;
  readonly killed: KillReason | undefined;
  readonly command: string;
  readonly sandbox: Sandbox;
  readonly stderr: string;
  /** The last part of stderr, where `stderr` isn't all of it; else empty. */
  readonly lastWords: string;
  readonly uid: number;
  readonly isStandIn: boolean;
  /** Where the task's inputs are. */
  readonly inputs: readonly string[];
}

const { SIGKILL, SIGSYS, SIGXFSZ } = constants.signals;

/** ENOSPC, in the words of the C libraries. A tool that removes what it couldn't write whole leaves nothing but them. */
const NO_SPACE_LEFT = 'No space left on device';

/** EMFILE in the words of the C libraries: glibc's, and musl's. */
const TOO_MANY_OPEN_FILES = /Too many open files|No file descriptors available/;

/**
 * What an executor's exit means: the code as a shell reports it, and one line for each thing that the sandbox, not the
 * command, had a part in. Pure.
 */
export function explain(ending: Ending): { exitCode: number; causes: string[]; stderr: string } {
  const { exit, counters, sandbox } = ending;
  const { limits } = sandbox;
  const failed = executionFailure(ending);
  const said = `${ending.stderr}\n${ending.lastWords}`;
  const exitCode = ending.killed ? 137 : (failed?.exitCode ?? exit.exitCode);
  const causes = [
    failed?.cause,
    ending.killed === 'wall-time' &&
      `killed at the end of its wall time of ${seconds(limits.wallTimeMs)} (sandbox_timeout)`,
    ending.killed === 'canceled' && 'killed because the task was canceled',
    outOfMemory(ending),
    counters.forksRefused > 0 &&
      `${counters.forksRefused} new processes were refused at the limit of ${limits.pids} (sandbox_pids)`,
    counters.diskFull && `the task's disk of ${gib(limits.diskBytes)} is full (resources.disk_gb)`,
    counters.inodesFull && `the task's disk has no room for more than ${limits.diskInodes} files`,
    // The kernel counts neither of these.
    exit.exitCode !== 0 &&
      !counters.diskFull &&
      !counters.inodesFull &&
      said.includes(NO_SPACE_LEFT) &&
      `stderr tells of a full disk, which is not full any more: the task's has ${gib(limits.diskBytes)} (resources.disk_gb), and room for ${limits.diskInodes} files`,
    exit.exitCode !== 0 &&
      TOO_MANY_OPEN_FILES.test(said) &&
      `stderr tells of too many open files: a process may have ${limits.openFiles} at once (policy.defaults.open_files)`,
    exit.exitCode === 128 + SIGSYS &&
      !ending.killed &&
      'ended by SIGSYS: a system call of another architecture; 32-bit and x32 programs do not run here',
    exit.exitCode === 128 + SIGXFSZ &&
      !ending.killed &&
      `ended by SIGXFSZ: a file would have become larger than the task's disk of ${gib(limits.diskBytes)}`,
    signalOfOthers(ending),
    truncation('stdout', exit.stdoutBytes, limits.logBytes),
    truncation('stderr', exit.stderrBytes, limits.logBytes),
    exit.stdoutProblem !== '' && `the file for stdout is incomplete: ${exit.stdoutProblem}`,
    exit.stderrProblem !== '' && `the file for stderr is incomplete: ${exit.stderrProblem}`,
  ].filter((cause): cause is string => typeof cause === 'string');
  const hasFailed = exit.exitCode !== 0 && !ending.killed && !failed;
  const hinted = hasFailed ? hints({ ...ending, exitCode, stderr: said }) : [];
  return {
    exitCode,
    causes: [...causes, ...hinted.map((hint) => `hint: ${hint}`)],
    stderr: failed ? '' : ending.stderr,
  };
}

/**
 * The init says on stderr that it couldn't execute the command and exits with 1; a shell would say 127 or 126. Its
 * whole output must be that one line, so that a command that prints it among others isn't taken for one.
 */
function executionFailure({
  exit,
  stderr,
  command,
}: Ending): { exitCode: number; cause: string } | undefined {
  const reason = /^ERROR \(catatonit:\d+\): failed to exec pid1: (.+)\n$/.exec(stderr)?.[1];
  if (exit.exitCode !== 1 || reason === undefined) return undefined;
  const name = JSON.stringify(command);
  if (reason === 'No such file or directory') {
    return {
      exitCode: 127,
      cause: `the command ${name} was not found in the image (or the interpreter that it names wasn't)`,
    };
  }
  return { exitCode: 126, cause: `the command ${name} can't be executed: ${reason}` };
}

/** The kernel kills one process after the other, never the group: who waits for its child is told, and may go on. */
function outOfMemory({ counters: { oomKills }, exit, killed, sandbox }: Ending): string | undefined {
  if (oomKills === 0) return undefined;
  const killing = `out of memory: ${oomKills} ${oomKills === 1 ? 'process was' : 'processes were'} killed at the limit of ${gib(sandbox.limits.memoryBytes)} (resources.ram_gb)`;
  if (killed) return killing;
  return exit.exitCode === 128 + SIGKILL
    ? `${killing}, and the executor ended as by SIGKILL`
    : `${killing}; the executor itself went on, and ended with ${exit.exitCode}`;
}

/**
 * Of the task's own, as a crash is; who of this host killed a process can't be told from it. A shell whose child was ended
 * by a signal ends with the same code.
 */
function signalOfOthers({ exit: { exitCode }, counters, killed }: Ending): string | undefined {
  const signal = exitCode - 128;
  const isExplained =
    signal === SIGSYS || signal === SIGXFSZ || (signal === SIGKILL && counters.oomKills > 0);
  if (killed || isExplained) return undefined;
  const [name] = Object.entries(constants.signals).find(([, number]) => number === signal) ?? [];
  return (
    name &&
    `ended with ${exitCode}, as by ${name}, which neither a limit nor the server sent: it came from within the task, or from who may kill it on this host`
  );
}

function truncation(stream: string, bytes: number, limit: number): string | undefined {
  return bytes > limit
    ? `${stream}: of ${bytes} bytes, the first ${limit} were kept in the log; name a file for ${stream} in the executor to have all`
    : undefined;
}

function gib(bytes: number): string {
  const size = bytes / 2 ** 30;
  return `${Number(size < 1 ? size.toPrecision(3) : size.toFixed(2))} GiB`;
}

function seconds(ms: number | null): string {
  return ms === null ? 'no limit' : `${ms / 1000} s`;
}

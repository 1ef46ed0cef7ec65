import type { Sandbox } from '../../sandbox/sandbox.ts';
import type { Counters } from '../../warden/warden.ts';
import type { KillReason } from '../backend.ts';
import type { Exit } from './exits.ts';

export interface Ending {
  readonly exit: Exit;
  readonly counters: Counters;
  readonly killed: KillReason | undefined;
  readonly command: string;
  readonly sandbox: Sandbox;
  readonly stderr: string;
}

const SIGSYS = 31;
const SIGXFSZ = 25;

/**
 * What an executor's exit means: the code as a shell reports it, and one line for each thing that the sandbox, not the
 * command, had a part in. Pure.
 */
export function explain(ending: Ending): { exitCode: number; causes: string[]; stderr: string } {
  const { exit, counters, sandbox } = ending;
  const { limits } = sandbox;
  const failed = executionFailure(ending);
  const exitCode = ending.killed ? 137 : (failed?.exitCode ?? exit.exitCode);
  const causes = [
    failed?.cause,
    ending.killed === 'wall-time' &&
      `killed at the end of its wall time of ${seconds(limits.wallTimeMs)} (sandbox_timeout)`,
    ending.killed === 'canceled' && 'killed because the task was canceled',
    counters.oomKills > 0 &&
      `out of memory: ${counters.oomKills} ${counters.oomKills === 1 ? 'process was' : 'processes were'} killed at the limit of ${gib(limits.memoryBytes)} (resources.ram_gb)`,
    counters.forksRefused > 0 &&
      `${counters.forksRefused} new processes were refused at the limit of ${limits.pids} (sandbox_pids)`,
    counters.diskFull && `the task's disk of ${gib(limits.diskBytes)} is full (resources.disk_gb)`,
    counters.inodesFull && `the task's disk has no room for more than ${limits.diskInodes} files`,
    exit.exitCode === 128 + SIGSYS &&
      !ending.killed &&
      'ended by SIGSYS: a system call of another architecture; 32-bit and x32 programs do not run here',
    exit.exitCode === 128 + SIGXFSZ &&
      !ending.killed &&
      `ended by SIGXFSZ: a file would have become larger than the task's disk of ${gib(limits.diskBytes)}`,
    truncation('stdout', exit.stdoutBytes, limits.logBytes),
    truncation('stderr', exit.stderrBytes, limits.logBytes),
    exit.stdoutProblem !== '' && `the file for stdout is incomplete: ${exit.stdoutProblem}`,
    exit.stderrProblem !== '' && `the file for stderr is incomplete: ${exit.stderrProblem}`,
  ].filter((cause): cause is string => typeof cause === 'string');
  return { exitCode, causes, stderr: failed ? '' : ending.stderr };
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

function truncation(stream: string, bytes: number, limit: number): string | undefined {
  return bytes > limit
    ? `${stream}: of ${bytes} bytes, the first ${limit} were kept in the log; name a file for ${stream} in the executor to have all`
    : undefined;
}

function gib(bytes: number): string {
  return `${Number((bytes / 2 ** 30).toFixed(2))} GiB`;
}

function seconds(ms: number | null): string {
  return ms === null ? 'no limit' : `${ms / 1000} s`;
}

import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { RootImage } from './root-image.ts';

export interface Job {
  readonly command: readonly string[];
  /** `root`, or `tester`: a user with subordinate ids and a service manager of its own. */
  readonly user: 'root' | 'tester';
  readonly cores: number;
  readonly memoryMiB: number;
  /** From the start of the machine. */
  readonly timeoutMs: number;
  readonly onStdout: (bytes: Buffer) => void;
  readonly onStderr: (bytes: Buffer) => void;
}

export interface Disks {
  readonly root: RootImage;
  readonly checkout: string;
}

/** Runs one command in a machine of its own, and answers its exit code; what it writes is thrown away. */
export type Machine = (disks: Disks, job: Job, work: string) => Promise<number>;

/** A machine that was started, as the process that is it, and everything that ends with it. */
export interface Running {
  readonly kind: string;
  readonly child: ChildProcess;
  readonly status: StatusLine;
  /** What the machine wrote to its console. */
  console(): Promise<string>;
  /** Once all that the machine said was handed on. */
  closed(): Promise<unknown>;
}

const STOP_SIGNALS = ['SIGINT', 'SIGTERM'] as const;
const CONSOLE_LINES = 40;

/** Waits for the command's exit code, and ends the machine. Rejects with the end of the console where none came in time. */
export async function outcome(
  { kind, child, status, ...machine }: Running,
  timeoutMs: number,
): Promise<number> {
  const kill = (): boolean => child.kill('SIGKILL');
  for (const signal of STOP_SIGNALS) process.once(signal, kill);
  try {
    await within(timeoutMs, status.told, exited(child));
    const code = status.code();
    if (code !== undefined) return code;
    const tail = (await machine.console()).trim().split('\n').slice(-CONSOLE_LINES).join('\n');
    const how = child.exitCode === null ? `after ${timeoutMs / 1000} s` : `and ended (${child.exitCode})`;
    throw new Error(`the machine (${kind}) gave no exit code ${how}; its console:\n${tail}`);
  } finally {
    for (const signal of STOP_SIGNALS) process.removeListener(signal, kill);
    const gone = exited(child);
    kill();
    await gone;
    await machine.closed();
  }
}

export interface StatusLine {
  readonly told: Promise<void>;
  readonly onData: (bytes: Buffer) => void;
  code(): number | undefined;
}

/** The last word of a machine: the command's exit code, on a line. */
export function statusLine(): StatusLine {
  const { promise, resolve } = Promise.withResolvers<void>();
  let said = '';
  return {
    told: promise,
    onData(bytes) {
      said += bytes.toString();
      if (said.includes('\n')) resolve();
    },
    code: () => (said.includes('\n') ? Number.parseInt(said, 10) : undefined),
  };
}

/** The command as a disk, in whole sectors: a disk has no other size. */
export function jobDisk({ command, user }: Job): Buffer {
  const words = [user, String(command.length), ...command];
  if (words.some((word) => word.includes('\0'))) throw new Error('a word of the command has a NUL character');
  const bytes = Buffer.from(words.map((word) => `${word}\0`).join(''));
  return Buffer.concat([bytes, Buffer.alloc(512 - (bytes.length % 512))]);
}

async function exited(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}

async function within(timeoutMs: number, ...events: Promise<void>[]): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, timeoutMs);
  await Promise.race([...events, promise]);
  clearTimeout(timer);
}

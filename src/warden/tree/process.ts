import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { BulkheadError } from '../../errors.ts';
import { printable } from '../../printable.ts';
import { FrameReader } from './frames.ts';
import type { TreeRequest } from './request.ts';
import { setupFrames } from './setup.ts';

/** One run of src/warden/tree.pl, here or behind the warden's socket. */
export interface TreeProcess {
  readonly stdin: Writable;
  readonly frames: FrameReader;
  /** Why the stream was cut; waits for the end of the process. */
  cut(): Promise<BulkheadError>;
  /** Ends the process where it still runs, and waits until it is gone. */
  end(): Promise<void>;
}

export type OpenTree = (request: TreeRequest, signal: AbortSignal) => Promise<TreeProcess>;

/** How long it may take to remove what it was writing, in milliseconds. */
const GRACE_MS = 5000;
const MAX_ERROR_BYTES = 4096;

/** Runs it as a child of this process, which needs root (of a user namespace at least). */
export const startTree: OpenTree = async (request, signal) => {
  if (signal.aborted) throw canceled();
  const run = runTree(request, 'pipe');
  const { stdin, stdout } = run.child;
  if (stdin === null || stdout === null) throw new BulkheadError('internal', 'tree.pl has no pipes');
  return treeProcess({ input: stdin, output: stdout, stop: run.stop, ended: run.ended, signal });
};

/** The run, told and ended through whoever started it. */
export function treeProcess(run: {
  readonly input: Writable;
  readonly output: Readable;
  /** Asks it to end; safe to repeat. */
  readonly stop: () => void;
  /** What it said at its end, where that wasn't well. */
  readonly ended: () => Promise<string>;
  readonly signal: AbortSignal;
}): TreeProcess {
  const { input, output, stop, ended, signal } = run;
  input.on('error', () => {}); // it ended early, which its answers tell of
  output.on('error', () => {});
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  return {
    stdin: input,
    frames: new FrameReader(output),
    async cut() {
      stop();
      const reason = await ended();
      if (signal.aborted) return canceled();
      return new BulkheadError('storage-failed', `the files can't be reached: ${printable(reason)}`);
    },
    async end() {
      signal.removeEventListener('abort', stop);
      input.destroy();
      output.destroy();
      stop();
      await ended();
    },
  };
}

export interface TreeRun {
  readonly child: ChildProcess;
  readonly stop: () => void;
  readonly ended: () => Promise<string>;
}

/** `streams`: pipes, or a socket that is the process's from now on. */
export function runTree(request: TreeRequest, streams: 'pipe' | Socket): TreeRun {
  const program = fileURLToPath(new URL('../tree.pl', import.meta.url));
  const setup = setupFrames(request);
  const child = spawn('/usr/bin/perl', [program, request.mode], {
    stdio: [streams, streams, 'pipe', 'pipe'],
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' },
  });
  let said = '';
  let startFailure = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said = `${said}${text}`.slice(0, MAX_ERROR_BYTES);
  });
  child.on('error', (error) => {
    startFailure = `${error.message}; it needs /usr/bin/perl (Debian: perl-base)`;
  });
  const closed = once(child, 'close').catch(() => {});
  let timer: NodeJS.Timeout | undefined;
  const forSetup = child.stdio[3];
  if (forSetup && 'write' in forSetup) forSetup.on('error', () => {}).end(setup);
  return {
    child,
    stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGTERM');
      timer ??= setTimeout(() => child.kill('SIGKILL'), GRACE_MS);
    },
    async ended() {
      await closed;
      clearTimeout(timer);
      return startFailure || said.trim() || `exit ${child.exitCode ?? child.signalCode ?? 'unknown'}`;
    },
  };
}

function canceled(): BulkheadError {
  return new BulkheadError('canceled', 'the task was canceled while its files were moved');
}

import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { BulkheadError } from '../../errors.ts';
import { printable } from '../../printable.ts';
import { FrameReader } from './frames.ts';

/** One run of src/warden/tree.pl. */
export interface TreeProcess {
  readonly stdin: ChildProcessWithoutNullStreams['stdin'];
  readonly frames: FrameReader;
  /** Why the stream was cut; waits for the end of the process. */
  cut(): Promise<BulkheadError>;
  /** Ends the process where it still runs, and waits until it is gone. */
  end(): Promise<void>;
}

/** How long it may take to remove what it was writing, in milliseconds. */
const GRACE_MS = 5000;
const MAX_ERROR_BYTES = 4096;

export function startTree(
  mode: 'read' | 'write' | 'copy',
  setup: Uint8Array,
  signal: AbortSignal,
): TreeProcess {
  if (signal.aborted) throw canceled();
  const program = fileURLToPath(new URL('../tree.pl', import.meta.url));
  const child = spawn('/usr/bin/perl', [program, mode], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' },
  });
  let said = '';
  let startFailure = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = `${said}${text}`.slice(0, MAX_ERROR_BYTES);
  });
  child.on('error', (error) => {
    startFailure = `${error.message}; it needs /usr/bin/perl (Debian: perl-base)`;
  });
  child.stdin.on('error', () => {}); // it ended early, which its answers tell of
  const closed = once(child, 'close').catch(() => {});
  let timer: NodeJS.Timeout | undefined;

  function stop(): void {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGTERM');
    timer ??= setTimeout(() => child.kill('SIGKILL'), GRACE_MS);
  }
  signal.addEventListener('abort', stop, { once: true });
  child.stdin.write(setup);

  return {
    stdin: child.stdin,
    frames: new FrameReader(child.stdout),
    async cut() {
      stop();
      await closed;
      if (signal.aborted) return canceled();
      const reason = startFailure || said.trim() || `exit ${child.exitCode ?? child.signalCode ?? 'unknown'}`;
      return new BulkheadError('storage-failed', `the files can't be reached: ${printable(reason)}`);
    },
    async end() {
      signal.removeEventListener('abort', stop);
      child.stdin.destroy();
      child.stdout.destroy();
      stop();
      await closed;
      clearTimeout(timer);
    },
  };
}

function canceled(): BulkheadError {
  return new BulkheadError('canceled', 'the task was canceled while its files were moved');
}

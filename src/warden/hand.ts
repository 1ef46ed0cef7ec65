import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { BulkheadError } from '../errors.ts';
import { NetstringReader, netstring } from './netstring.ts';
import type { Step } from './steps.ts';

/**
 * The warden's hand: one small process that makes the system calls which Node can't make. The steps of one call run
 * in order and stop at the first failure; several calls run at once.
 */
export interface Hand {
  /** Resolves with the text that the last step answered. Throws `warden` or `disk-full`. */
  run(what: string, steps: readonly Step[]): Promise<string>;
  /** Undefined where it could not be started. */
  readonly pid: number | undefined;
  /** What was launched goes on. */
  close(): Promise<void>;
}

export interface HandOptions {
  readonly folder?: string;
  readonly onLost?: (why: string) => void;
}

const ENOSPC = 28;

/**
 * `folder` is locked until the last step is over, also where this process is killed before: a step of an earlier hand isn't
 * met in its middle. `onLost`: it ended though nobody closed it, which is told before any call fails by it.
 */
export function startHand({ folder, onLost }: HandOptions = {}): Hand {
  const program = fileURLToPath(new URL('./hand.pl', import.meta.url));
  const child = spawn('/usr/bin/perl', [program, ...(folder === undefined ? [] : [folder])], {
    stdio: ['pipe', 'pipe', 'inherit'],
    // What it calls is looked up once, and not again in each process that it forks. Source: ld.so(8).
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C', LD_BIND_NOW: '1' },
  });
  const waiting = new Map<string, PromiseWithResolvers<string>>();
  const reader = new NetstringReader();
  let serial = 0;
  let ended: BulkheadError | undefined;

  function end(message: string): void {
    if (ended === undefined) onLost?.(message);
    ended ??= new BulkheadError('warden', message);
    for (const { reject } of waiting.values()) reject(ended);
    waiting.clear();
  }
  child.on('error', (error) =>
    end(`the warden's helper can't be started: ${error.message}; it needs /usr/bin/perl (Debian: perl-base)`),
  );
  child.on('exit', (code, signal) =>
    end(`the warden's helper ended (${signal ?? `exit ${code}`}); restart the server`),
  );
  child.stdin.on('error', () => end("the warden's helper no longer takes requests; restart the server"));
  child.stdout.on('data', (bytes: Buffer) => {
    for (const answer of reader.push(bytes)) {
      const [id = '', status = '', errno = '', text = ''] = NetstringReader.split(answer).map((field) =>
        field.toString('utf8'),
      );
      const pending = waiting.get(id);
      waiting.delete(id);
      if (status === 'ok') pending?.resolve(text);
      else pending?.reject(new StepError(status, Number(errno), text));
    }
  });

  return {
    pid: child.pid,
    async run(what, steps) {
      if (ended) throw ended;
      serial += 1;
      const id = String(serial);
      const pending = Promise.withResolvers<string>();
      waiting.set(id, pending);
      child.stdin.write(
        netstring(
          Buffer.concat([
            netstring(id),
            ...steps.map((step) => netstring(Buffer.concat(step.map(netstring)))),
          ]),
        ),
      );
      try {
        return await pending.promise;
      } catch (error) {
        if (!(error instanceof StepError)) throw error;
        throw new BulkheadError(
          error.errno === ENOSPC && error.step !== 'exec' ? 'disk-full' : 'warden',
          `${what}: ${error.message.trim()}`,
          { cause: error },
        );
      }
    },
    async close() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      ended ??= new BulkheadError('warden', 'the warden is closed');
      child.stdin.end();
      await exited(child);
    },
  };
}

async function exited(child: ChildProcess): Promise<void> {
  await once(child, 'exit');
}

/** A step failed; the cause of what `run` throws then. */
export class StepError extends Error {
  readonly step: string;
  readonly errno: number;
  constructor(step: string, errno: number, text: string) {
    super(text);
    this.step = step;
    this.errno = errno;
  }
}

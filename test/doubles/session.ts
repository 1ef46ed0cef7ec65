import { PassThrough } from 'node:stream';
import type { Session } from '../../src/cli/session.ts';

export interface FakeSession extends Session {
  readonly out: () => string;
  readonly err: () => string;
  /** What is typed, or piped in. */
  readonly typed: PassThrough;
  signal(name: NodeJS.Signals): void;
}

/** A session whose output is kept, whose signals come when the test says, and whose pauses are short. */
export function fakeSession(
  options: { readonly env?: Session['env']; readonly isTerminal?: boolean; readonly cwd?: string } = {},
): FakeSession {
  const { env = {}, isTerminal = false, cwd = '/nowhere' } = options;
  const listeners = new Set<{
    signals: readonly NodeJS.Signals[];
    listener: (signal: NodeJS.Signals) => void;
  }>();
  const [stdout, stderr] = [kept(isTerminal), kept(isTerminal)];
  const typed = Object.assign(new PassThrough(), { isTTY: isTerminal });
  return {
    stdin: typed,
    typed,
    stdout: stdout.stream,
    stderr: stderr.stream,
    out: stdout.text,
    err: stderr.text,
    env,
    cwd,
    onSignal(signals, listener) {
      const entry = { signals, listener };
      listeners.add(entry);
      return () => listeners.delete(entry);
    },
    signal(name) {
      for (const { signals, listener } of listeners) if (signals.includes(name)) listener(name);
    },
    now: () => Date.now(),
    pause: (_ms, signal) =>
      new Promise((resolve) => (signal?.aborted === true ? resolve() : setTimeout(resolve, 5))),
  };
}

function kept(isTerminal: boolean) {
  const chunks: Buffer[] = [];
  const stream = Object.assign(new PassThrough(), { isTTY: isTerminal });
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  return { stream, text: () => Buffer.concat(chunks).toString('latin1') };
}

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';

export interface ProgramLimits {
  readonly timeoutMs: number;
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs a program to its end. Rejects with the end of what it said where it fails or takes too long. */
export async function program(
  command: string,
  argv: readonly string[],
  limits: ProgramLimits,
): Promise<void> {
  const child = spawn(command, argv, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...limits.env },
    timeout: limits.timeoutMs,
    killSignal: 'SIGKILL',
  });
  const [told, complained] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  const said = told + complained;
  if (child.exitCode === 0) return;
  const how = child.exitCode ?? `${child.signalCode} after at most ${limits.timeoutMs / 1000} s`;
  throw new Error(`${command} ended with ${how}:\n${said.trim().split('\n').slice(-15).join('\n')}`);
}

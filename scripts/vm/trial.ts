import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** Whether a program says a word within the time; it is killed then, or when it has said it. */
export async function says(
  word: string,
  command: string,
  argv: readonly string[],
  timeoutMs: number,
): Promise<boolean> {
  const child = spawn(command, argv, { stdio: ['ignore', 'pipe', 'ignore'] });
  const ended = once(child, 'close').catch(() => {});
  const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
  let said = '';
  child.stdout.on('data', (bytes: Buffer) => {
    said += bytes.toString('latin1');
    if (said.includes(word)) child.kill('SIGKILL');
  });
  await ended;
  clearTimeout(timer);
  return said.includes(word);
}

import { constants, existsSync, openSync, readFileSync } from 'node:fs';
import { unlink } from 'node:fs/promises';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { BulkheadError } from '../errors.ts';

/**
 * Lets a created container run its first instruction: reads the byte that its first process writes when it may go on,
 * as the runtime's own `start` does, and removes the FIFO. Throws `warden` where the process is gone, or doesn't
 * answer in time. Source: runc, libcontainer/container_linux.go, "exec.fifo".
 */
export async function unblock(fifo: string, timeoutMs: number): Promise<void> {
  const reader = new Socket({ fd: opened(fifo), readable: true, writable: false });
  try {
    await firstByte(reader, timeoutMs);
  } finally {
    reader.destroy();
  }
  await unlink(fifo);
}

/**
 * Whether a container's first process still waits at its gate. The FIFO alone doesn't tell: whoever let the process go may
 * have been killed before it removed it. The process does: until it may go on it is the runtime's own `init`. `folder` is
 * the runtime's for this container. Source: runc, libcontainer/container.go, "BaseState".
 */
export function waitsAtGate(folder: string): boolean {
  if (!existsSync(join(folder, 'exec.fifo'))) return false;
  try {
    const state: unknown = JSON.parse(readFileSync(join(folder, 'state.json'), 'utf8'));
    const { pid, start } = initProcess(state);
    const [, word] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    return word === 'init' && startTime(readFileSync(`/proc/${pid}/stat`, 'utf8')) === start;
  } catch {
    // It is dead. It may have run before that, so it isn't taken for one that has not.
    return false;
  }
}

function initProcess(state: unknown): { pid: number; start: number } {
  if (typeof state !== 'object' || state === null) throw new TypeError('not an object');
  const [pid, start] = [
    'init_process_pid' in state ? state.init_process_pid : undefined,
    'init_process_start' in state ? state.init_process_start : undefined,
  ];
  if (typeof pid !== 'number' || typeof start !== 'number') throw new TypeError('no process');
  return { pid, start };
}

/** In clock ticks since the host started; after the name, which may hold anything. Source: proc_pid_stat(5). */
function startTime(stat: string): number {
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]);
}

/** Without waiting for the writer, who waits for us. */
function opened(fifo: string): number {
  try {
    return openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
  } catch (error) {
    throw new BulkheadError('warden', `the container awaits no start: ${String(error)}`, { cause: error });
  }
}

async function firstByte(reader: Socket, timeoutMs: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const fail = (problem: string): void =>
    reject(new BulkheadError('warden', `the container's first process ${problem}`));
  const timer = setTimeout(() => fail(`does not answer for ${timeoutMs} ms`), timeoutMs);
  reader.once('data', () => resolve());
  reader.once('close', () => fail('is gone'));
  reader.once('error', (error) => fail(`can't be told to start: ${error.message}`));
  try {
    await promise;
  } finally {
    clearTimeout(timer);
  }
}

import { constants, openSync } from 'node:fs';
import { unlink } from 'node:fs/promises';
import { Socket } from 'node:net';
import { BulkheadError } from '../../errors.ts';

/**
 * Lets a container of runc run its first instruction: reads the byte that its first process writes when it may go on,
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

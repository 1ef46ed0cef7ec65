import type { Socket } from 'node:net';
import { BulkheadError, type ErrorCode, isBulkheadError } from '../../errors.ts';
import { encode, type Failure } from './channel.ts';

/** How long somebody who is refused may take to read why, in milliseconds. */
const LINGER_MS = 2000;

/** Ends a connection with the reason. What still comes on it is thrown away: unread, it would take the reason with it. */
export function refuse(socket: Socket, why: string, code: ErrorCode = 'forbidden'): void {
  const failure = { code, message: `the warden refuses: ${why}` };
  socket.on('data', () => {}).resume();
  socket.end(encode({ failure }));
  const timer = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once('close', () => clearTimeout(timer));
}

export function failureOf(error: unknown): Failure {
  if (isBulkheadError(error)) return { code: error.code, message: error.message };
  return { code: 'warden', message: error instanceof Error ? error.message : String(error) };
}

export function forbidden(why: string): BulkheadError {
  return new BulkheadError('forbidden', `the warden refuses ${why}`);
}

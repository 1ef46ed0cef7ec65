import type { Socket } from 'node:net';
import { BulkheadError, type ErrorCode } from '../../errors.ts';
import { NetstringReader, netstring } from '../netstring.ts';
import { MAX_MESSAGE_BYTES } from './limits.ts';

/** Requests to the warden over one connection, many at once. A message is a netstring of JSON. */
export interface Channel {
  /** Throws what the warden threw, and `warden` where it is gone. An abort is passed on; the answer still comes. */
  call(method: string, params: unknown, signal?: AbortSignal): Promise<Json>;
  close(): void;
}

/** What the warden, which is trusted, has written: of the type that its port says. */
export type Json = ReturnType<typeof JSON.parse>;

export type FromServer =
  | { readonly id: number; readonly method: string; readonly params: unknown }
  | { readonly abort: number };

export type FromWarden =
  | { readonly id: number; readonly answer: Json }
  | { readonly id: number; readonly failure: Failure };

export interface Failure {
  readonly code: ErrorCode;
  readonly message: string;
}

/** `onLost`: the warden ended the connection. */
export function openChannel(socket: Socket, onLost: () => void): Channel {
  const waiting = new Map<number, PromiseWithResolvers<Json>>();
  let serial = 0;
  let isClosed = false;

  socket.on('error', () => {}); // `close` follows
  socket.on('close', () => {
    const lost = isLost();
    for (const { reject } of waiting.values()) reject(lost);
    waiting.clear();
    if (!isClosed) onLost();
    isClosed = true;
  });
  const reader = new NetstringReader();
  socket.on('data', (bytes: Buffer) => {
    for (const text of reader.push(bytes)) settle(text.toString('utf8'));
  });
  // Whoever read the beginning another way has left it paused.
  socket.resume();

  function settle(text: string): void {
    // Written by the warden, which is trusted.
    const message: FromWarden = JSON.parse(text);
    const pending = waiting.get(message.id);
    waiting.delete(message.id);
    if ('failure' in message)
      pending?.reject(new BulkheadError(message.failure.code, message.failure.message));
    else pending?.resolve(message.answer);
  }

  return {
    async call(method, params, signal) {
      if (isClosed || socket.destroyed) throw isLost();
      serial += 1;
      const id = serial;
      const request = encodeRequest({ id, method, params });
      const pending = Promise.withResolvers<Json>();
      waiting.set(id, pending);
      const abort = (): void => void socket.write(encode({ abort: id }));
      socket.write(request);
      if (signal?.aborted) abort();
      else signal?.addEventListener('abort', abort, { once: true });
      try {
        return await pending.promise;
      } finally {
        signal?.removeEventListener('abort', abort);
      }
    },
    close() {
      isClosed = true;
      socket.end();
    },
  };
}

/** Throws `too-large` for what the warden would end the connection for. */
export function encodeRequest(request: object): Buffer {
  const bytes = encode(request);
  if (bytes.length > MAX_MESSAGE_BYTES)
    throw new BulkheadError(
      'too-large',
      `the warden takes requests of at most ${MAX_MESSAGE_BYTES} bytes, and the task makes one of ${bytes.length}; split the task`,
    );
  return bytes;
}

export function encode(message: FromServer | FromWarden | object): Buffer {
  return netstring(JSON.stringify(message));
}

function isLost(): BulkheadError {
  return new BulkheadError('warden', 'the warden is gone; the server must be started again');
}

import type { FastifyInstance } from 'fastify';
import { BulkheadError } from '../errors.ts';

/** Smaller bodies are read at once, whatever else is: most tasks, and a thousand of them are little. */
const SMALL_BYTES = 16 * 1024;

/** A body waits so long for its turn, in milliseconds; then its client is asked to come again. */
const PATIENCE_MS = 20_000;

/**
 * What bodies may have in memory together while their requests are answered, in bytes: each is there several times, as
 * bytes, as text and as what is stored. Beyond it, a body isn't read yet, and the connection holds it.
 */
export function bodyRoomBytes(bodyBytes: number): number {
  return 4 * bodyBytes;
}

/** Large bodies take turns, in the order in which they came. Throws `busy` for one whose turn doesn't come. */
export function limitBodies(app: FastifyInstance, bodyBytes: number): void {
  const room = createRoom(bodyRoomBytes(bodyBytes));
  app.addHook('preParsing', async (request, reply) => {
    const length = Number(request.headers['content-length']);
    // Of what comes in chunks, nobody knows; what is too large is refused before it is read.
    const bytes = Number.isNaN(length) ? bodyBytes : length;
    const isNone = Number.isNaN(length) && request.headers['transfer-encoding'] === undefined;
    if (isNone || bytes <= SMALL_BYTES || bytes > bodyBytes) return;
    const leave = await room.enter(bytes, AbortSignal.timeout(PATIENCE_MS));
    if (reply.raw.closed) leave();
    else reply.raw.once('close', leave);
  });
}

interface Room {
  /** Resolves with how to leave, once there is room. */
  enter(bytes: number, signal: AbortSignal): Promise<() => void>;
}

interface Waiter {
  readonly bytes: number;
  readonly admit: () => void;
}

function createRoom(totalBytes: number): Room {
  let free = totalBytes;
  const waiting = new Set<Waiter>();

  function admitNext(): void {
    for (const waiter of waiting) {
      if (waiter.bytes > free) return;
      waiting.delete(waiter);
      free -= waiter.bytes;
      waiter.admit();
    }
  }

  return {
    async enter(bytes, signal) {
      const turn = Promise.withResolvers<void>();
      const waiter: Waiter = { bytes, admit: turn.resolve };
      const giveUp = (): void => {
        if (waiting.delete(waiter)) turn.reject(tooMany(totalBytes));
        admitNext();
      };
      signal.addEventListener('abort', giveUp, { once: true });
      waiting.add(waiter);
      admitNext();
      await turn.promise;
      signal.removeEventListener('abort', giveUp);
      return () => {
        free += bytes;
        admitNext();
      };
    },
  };
}

function tooMany(totalBytes: number): BulkheadError {
  return new BulkheadError(
    'busy',
    `Request bodies of ${totalBytes} bytes are being read already, and this one's turn didn't come within ${PATIENCE_MS / 1000} s; send it again later, and put large inputs where a URL can name them.`,
    { retryAfterMs: PATIENCE_MS },
  );
}

import type { Socket } from 'node:net';
import { NetstringReader } from '../netstring.ts';
import { MAX_HELD_BYTES, MAX_MESSAGE_BYTES, MAX_MESSAGE_VALUES } from './limits.ts';

/** Bytes of messages that haven't come whole, on all connections together; each with its whole length. */
export interface Held {
  bytes: number;
}

export interface Incoming {
  /** Looks again whether there is room for what has come; where there is none, nothing more is read. */
  resume(): void;
  /** One message was taken that was the last of them: what follows isn't read. */
  stop(): void;
}

/**
 * Messages from somebody who isn't trusted. `take` is called with each while `hasRoom`; `refuse` once, where what comes is no
 * message or larger than the warden takes, and nothing is read after that.
 */
export function takeMessages(options: {
  readonly socket: Socket;
  readonly held: Held;
  readonly hasRoom: () => boolean;
  readonly take: (message: unknown, bytes: number) => void;
  readonly refuse: (why: string) => void;
}): Incoming {
  const { socket, held, hasRoom, take, refuse } = options;
  const reader = new NetstringReader(MAX_MESSAGE_BYTES);
  let waiting: Buffer[] = [];
  let taken = 0;
  let isStopped = false;
  let counted = 0;

  function count(bytes: number): void {
    held.bytes += bytes - counted;
    counted = bytes;
  }

  function stop(): void {
    isStopped = true;
    [waiting, taken] = [[], 0];
    count(0);
    socket.removeListener('data', onData).pause();
  }

  function onData(bytes: Buffer): void {
    try {
      waiting.push(...reader.push(bytes));
    } catch {
      stop();
      refuse(`a message that isn't one, or has more than ${MAX_MESSAGE_BYTES} bytes`);
      return;
    }
    count(reader.heldBytes);
    if (held.bytes > MAX_HELD_BYTES) {
      stop();
      refuse(`more than ${MAX_HELD_BYTES} bytes of messages that aren't complete`);
      return;
    }
    resume();
  }

  function resume(): void {
    for (let next = waiting[taken]; next !== undefined && hasRoom(); next = waiting[taken]) {
      taken += 1;
      takeOne(next);
    }
    // What is done with the connection is somebody else's.
    if (isStopped) return;
    if (taken === waiting.length) [waiting, taken] = [[], 0];
    if (waiting.length === 0 && hasRoom()) socket.resume();
    else socket.pause();
  }

  function takeOne(bytes: Buffer): void {
    let message: unknown;
    try {
      if (valuesIn(bytes) > MAX_MESSAGE_VALUES)
        throw new RangeError(`a message of more than ${MAX_MESSAGE_VALUES} values`);
      message = JSON.parse(bytes.toString('utf8'));
    } catch (error) {
      stop();
      refuse(error instanceof RangeError ? error.message : 'a message that is no JSON');
      return;
    }
    take(message, bytes.length);
  }

  socket.on('data', onData).on('close', () => count(0));
  return { resume, stop };
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** `,`, `[` and `{`: after each of them stands one value at most. */
const BEFORE_VALUES = new Set([0x2c, 0x5b, 0x7b]);

/** Members and items, or more, without making any of them. */
function valuesIn(json: Buffer): number {
  if (json.length <= MAX_MESSAGE_VALUES) return json.length;
  let values = 1;
  let isText = false;
  for (let at = 0; at < json.length; at += 1) {
    const byte = json[at] ?? 0;
    if (isText) {
      if (byte === BACKSLASH) at += 1;
      else if (byte === QUOTE) isText = false;
    } else if (byte === QUOTE) isText = true;
    else if (BEFORE_VALUES.has(byte)) values += 1;
  }
  return values;
}

import type { Readable, Writable } from 'node:stream';
import { once } from 'node:events';
import { BulkheadError } from '../../errors.ts';

/** Frames as src/warden/tree.pl describes them. */
export interface Frame {
  readonly kind: string;
  readonly bytes: Buffer;
}

const HEADER_BYTES = 5;
const MAX_BYTES = 2 ** 20;

/** The fields of a frame, as text; what isn't UTF-8 in a name becomes U+FFFD. */
export function fieldsOf({ bytes }: Frame): string[] {
  return bytes.toString('utf8').split('\0');
}

export function frame(kind: string, fields: readonly (string | number)[] = []): Buffer {
  const payload = Buffer.from(fields.join('\0'));
  if (payload.length > MAX_BYTES)
    throw new BulkheadError('storage-failed', `a path or pattern of ${payload.length} bytes is too long`);
  return Buffer.concat([header(kind, payload.length), payload]);
}

/** The kind, and the length as four bytes, big endian. */
function header(kind: string, length: number): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES);
  bytes.write(kind, 0, 'latin1');
  bytes.writeUInt32BE(length, 1);
  return bytes;
}

/** Writes content, and waits while the other side is slow. False where it takes no more. */
export async function writeContent(to: Writable, content: Uint8Array): Promise<boolean> {
  for (let at = 0; at < content.length; at += MAX_BYTES) {
    const part = content.subarray(at, at + MAX_BYTES);
    to.cork();
    to.write(header('D', part.length));
    to.write(part);
    to.uncork();
    if (!(await hasRoom(to))) return false;
  }
  return true;
}

/** Waits until there is room to write; false where the stream is closed. */
export async function hasRoom(to: Writable): Promise<boolean> {
  if (to.writableNeedDrain && !to.destroyed) {
    const settled = new AbortController();
    const { signal } = settled;
    await Promise.race([once(to, 'drain', { signal }), once(to, 'close', { signal })]).catch(() => {});
    settled.abort();
  }
  return !to.destroyed;
}

/** Takes a stream of frames apart, one at a time and however it is cut. */
export class FrameReader {
  readonly #source: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(source: Readable) {
    this.#source = source[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  }

  /** Undefined at the end of the stream, also where it ends within a frame. */
  async next(): Promise<Frame | undefined> {
    if (!(await this.#hold(HEADER_BYTES))) return undefined;
    const kind = this.#rest.toString('latin1', 0, 1);
    const end = HEADER_BYTES + this.#rest.readUInt32BE(1);
    if (!(await this.#hold(end))) return undefined;
    const bytes = this.#rest.subarray(HEADER_BYTES, end);
    this.#rest = this.#rest.subarray(end);
    return { kind, bytes };
  }

  async #hold(length: number): Promise<boolean> {
    if (this.#rest.length >= length) return true;
    const parts = [this.#rest];
    let held = this.#rest.length;
    while (held < length) {
      // A connection whose other side was killed is reset where what it was sent hasn't been read: an end as any other.
      const { value, done } = await this.#source
        .next()
        .catch(() => ({ value: undefined, done: true as const }));
      if (done === true) return false;
      parts.push(value);
      held += value.length;
    }
    this.#rest = Buffer.concat(parts);
    return true;
  }
}

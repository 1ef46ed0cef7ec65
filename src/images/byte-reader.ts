import { tarError } from './tar-header.ts';

/** Reads a stream of chunks by counts of bytes, holding no more than one chunk and what was asked for. */
export class ByteReader {
  readonly #source: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Buffer>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** Exactly `count` bytes; undefined where the stream ends before the first. Throws `image-invalid` where it ends within. */
  async take(count: number): Promise<Buffer | undefined> {
    const parts: Buffer[] = [];
    for await (const part of this.#upTo(count)) parts.push(part);
    const [first] = parts;
    const all = parts.length === 1 && first !== undefined ? first : Buffer.concat(parts);
    if (all.length === count) return all;
    if (all.length === 0) return undefined;
    throw tarError('it is cut off');
  }

  /** The next `count` bytes as they come. Throws `image-invalid` where the stream ends within. */
  async *pass(count: number): AsyncGenerator<Buffer> {
    let left = count;
    for await (const part of this.#upTo(count)) {
      left -= part.length;
      yield part;
    }
    if (left > 0) throw tarError('it is cut off');
  }

  /** Reads to the end, so that what counts or hashes the stream sees all of it. */
  async drain(): Promise<void> {
    this.#rest = Buffer.alloc(0);
    while ((await this.#source.next()).done !== true);
  }

  async *#upTo(count: number): AsyncGenerator<Buffer> {
    for (let left = count; left > 0;) {
      if (this.#rest.length === 0) {
        const next = await this.#source.next();
        if (next.done === true) return;
        this.#rest = next.value;
      }
      const part = this.#rest.subarray(0, left);
      this.#rest = this.#rest.subarray(part.length);
      left -= part.length;
      if (part.length > 0) yield part;
    }
  }
}

import { Readable } from 'node:stream';
import type { ReadOptions, TreeEntry } from '../confined-tree.ts';
import { fieldsOf } from './frames.ts';
import type { TreeProcess } from './process.ts';
import { failureOf, messageOf, unexpected } from './results.ts';

/** The entries of one request, as they come. */
export async function* entriesOf(
  process: TreeProcess,
  onMessage: ReadOptions['onMessage'],
): AsyncGenerator<TreeEntry> {
  try {
    for (;;) {
      const found = await process.frames.next();
      if (found === undefined) throw await process.cut();
      if (found.kind === 'N') return;
      if (found.kind === 'X') throw failureOf(found);
      if (found.kind === 'M') onMessage?.(messageOf(found));
      const [, path = '', treePath = '', mode, size] = fieldsOf(found);
      if (found.kind === 'C')
        yield { path, treePath, type: 'directory', sizeBytes: null, mode: Number(mode) };
      if (found.kind !== 'F') continue;
      const content = new Content(process);
      yield { path, treePath, type: 'file', sizeBytes: Number(size), mode: Number(mode), body: content.body };
      await content.finish();
    }
  } finally {
    await process.end();
  }
}

/** The frames of one file as a stream, of which a consumer may leave the rest. */
class Content {
  readonly body: Readable;
  readonly #process: TreeProcess;
  #isOver = false;
  /** Of a hole, what is still to be given as zeros. */
  #holeBytes = 0;
  #failure: unknown;

  constructor(process: TreeProcess) {
    this.#process = process;
    this.body = Readable.from(this.#chunks(), { objectMode: false });
    this.body.on('error', () => {}); // whoever reads it is told by the read, too
  }

  /** Passes over what the consumer left, so that the next entry comes next. Throws where the file was cut. */
  async finish(): Promise<void> {
    if (!this.body.closed) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.body.once('close', resolve).destroy();
      await promise;
    }
    this.#holeBytes = 0;
    while (!this.#isOver) await this.#next();
    if (this.#failure !== undefined) throw this.#failure;
  }

  async *#chunks(): AsyncGenerator<Buffer> {
    for (;;) {
      const chunk = await this.#next();
      if (chunk === undefined) break;
      yield chunk;
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  async #next(): Promise<Buffer | undefined> {
    if (this.#holeBytes > 0) return this.#zeros();
    const found = await this.#process.frames.next();
    if (found?.kind === 'D') return found.bytes;
    if (found?.kind === 'H') {
      this.#holeBytes = Number(fieldsOf(found)[0]);
      return this.#zeros();
    }
    this.#isOver = true;
    if (found === undefined) this.#failure = await this.#process.cut();
    else if (found.kind === 'X') this.#failure = failureOf(found);
    else if (found.kind !== 'E') this.#failure = unexpected(found);
    return undefined;
  }

  #zeros(): Buffer {
    const length = Math.min(this.#holeBytes, ZEROS.length);
    this.#holeBytes -= length;
    return ZEROS.subarray(0, length);
  }
}

const ZEROS = Buffer.alloc(2 ** 18);

import type { Readable } from 'node:stream';

/** One scheme of URLs. Implementations run the contract suite in `test/contract/storage.ts`. */
export interface Storage {
  readonly schemes: readonly string[];
  /** For service-info: locations that clients may be told of. */
  readonly advertised: readonly string[];
  /** Reads a file, or each file of a directory. Throws `storage-not-found`, `storage-denied`, `storage-failed`. */
  read(request: ReadRequest): AsyncIterable<Entry>;
  /** Writes each entry; the URL of an entry is the request's URL with its path appended (or the URL itself where the path is empty). */
  write(request: WriteRequest): Promise<readonly Written[]>;
}

export interface ReadRequest {
  readonly url: string;
  /** `any`: whichever it is. */
  readonly type: 'FILE' | 'DIRECTORY' | 'any';
  readonly owner: string;
  readonly signal: AbortSignal;
}

export interface WriteRequest {
  readonly url: string;
  readonly owner: string;
  readonly entries: AsyncIterable<Entry>;
  readonly signal: AbortSignal;
}

export interface Entry {
  /** Relative to what was asked, `/` between parts; empty for the file itself. */
  readonly path: string;
  readonly type: 'file' | 'directory';
  readonly sizeBytes: number | null;
  readonly mode: number;
  /** The content; must be consumed or destroyed before the next entry is asked for. Absent for a directory. */
  readonly body?: Readable;
}

export interface Written {
  readonly url: string;
  readonly path: string;
  readonly sizeBytes: number;
}

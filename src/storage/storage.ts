import type { Readable } from 'node:stream';
import type { TreeSource, TreeTarget } from '../warden/confined-tree.ts';

/** One scheme of URLs. Implementations run the contract suite in `test/contract/storage.ts`. */
export interface Storage {
  readonly schemes: readonly string[];
  /** For service-info: locations that clients may be told of. */
  readonly advertised: readonly string[];
  /** Reads a file, or each file of a directory. Throws `storage-not-found`, `storage-denied`, `storage-failed`. */
  read(request: ReadRequest): AsyncIterable<Entry>;
  /**
   * Writes each entry; the URL of an entry is the request's URL with its path appended (or the URL itself where the
   * path is empty). Throws what the entries throw, and `storage-denied`, `storage-failed`, `disk-full`.
   */
  write(request: WriteRequest): Promise<readonly Written[]>;
  /** Where its files stand in folders of this host; then they can be copied from tree to tree. */
  readonly folders?: HostFolders;
}

/** Both throw `storage-denied`, naming what there is, for what is below no folder. */
export interface HostFolders {
  source(url: string): { readonly source: TreeSource; readonly path: string };
  /** Throws `storage-denied` too where the folder is to be read only. */
  target(url: string): { readonly target: TreeTarget; readonly path: string };
  /** The URL of what stands at a relative path below a URL. */
  urlBelow(url: string, path: string): string;
}

/** What a site has. Throws `storage-unsupported`, naming the scheme, for what it hasn't. */
export interface Storages {
  readonly advertised: readonly string[];
  for(url: string): Storage;
}

export interface ReadRequest {
  readonly url: string;
  /** `any`: whichever it is. */
  readonly type: 'FILE' | 'DIRECTORY' | 'any';
  readonly owner: string;
  readonly signal: AbortSignal;
  /** Told of what was left out of a directory, and why. */
  readonly onMessage?: (message: string) => void;
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

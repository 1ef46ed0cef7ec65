import type { Readable } from 'node:stream';
import type { BulkheadError } from '../errors.ts';

/**
 * Access to files below a folder that others may change meanwhile: a task's tree, a shared folder. What is read or
 * written is confined to the folder and to what one user may touch there, whatever links and races lead elsewhere.
 * Paths are absolute and begin at the folder. Every method throws `canceled` where its signal aborts.
 */
export interface ConfinedTrees {
  /** One file, what is in a folder, or what matches a pattern. Throws `storage-not-found`, `storage-denied`, `storage-failed`. */
  read(source: TreeSource, wanted: Wanted, options: ReadOptions): AsyncIterable<TreeEntry>;
  /** The same without content, for several requests at once; an outcome for each, in their order. */
  list(source: TreeSource, wanted: readonly Wanted[], signal: AbortSignal): Promise<readonly Listing[]>;
  /** Puts each delivery at its place; an outcome for each, in their order. Missing folders are made. */
  write(
    target: TreeTarget,
    deliveries: readonly Delivery[],
    signal: AbortSignal,
  ): Promise<readonly Outcome[]>;
  /** From tree to tree; the bytes don't pass through this process. */
  copy(
    source: TreeSource,
    target: TreeTarget,
    moves: readonly Move[],
    signal: AbortSignal,
  ): Promise<readonly Outcome[]>;
}

export interface TreeSource {
  /** The folder on this host. */
  readonly root: string;
  /** Who reads; `target`: whoever owns the file or folder that is asked for. */
  readonly as: TreeUser | 'target';
  /** Also what the permission bits keep from that user: for a tree that belongs to one task alone. */
  readonly readsAll?: boolean;
  readonly limits?: Partial<TreeLimits>;
  /** Stands before the path in messages; nothing by default. */
  readonly shown?: string;
}

export interface TreeTarget {
  readonly root: string;
  /** Who writes, and so owns what is written; `parent`: whoever owns the nearest folder that is there already. */
  readonly as: TreeUser | 'parent';
  /** Also where the permission bits keep that user out. */
  readonly writesAll?: boolean;
  /** `keep`: those of the source, and the owner may read and write; `open`: 0664, and 0775 for folders and programs. */
  readonly bits: 'keep' | 'open';
  /** On disk before it is answered. */
  readonly isDurable: boolean;
  /** Links to folders on the way: `any`, or only those that root or the writing user made. */
  readonly links: 'any' | 'owner';
  readonly shown?: string;
}

/** Ids of this host, or `user` or `user:group` by name or number. */
export type TreeUser = { readonly uid: number; readonly gid: number } | { readonly name: string };

/** Of one request. */
export interface TreeLimits {
  /** Files and folders. */
  readonly entries: number;
  /** Of all its files, holes included. */
  readonly bytes: number;
  /** Folders within folders. */
  readonly depth: number;
}

export interface Wanted {
  /** `any`: file or directory, whichever it is. */
  readonly kind: 'file' | 'directory' | 'any' | 'glob';
  /** For `glob` a pattern: wildcards of POSIX, `**` and `{a,b}`. */
  readonly path: string;
  /** For `glob`: cut off from what matches, for an entry's `path`. */
  readonly prefix?: string;
}

export interface ReadOptions {
  readonly signal: AbortSignal;
  /** Told of what was left out, and why. */
  readonly onMessage?: (message: string) => void;
}

export interface TreeEntry {
  /** Relative to what was asked, or to the prefix; empty for the file or folder itself. */
  readonly path: string;
  /** From the root of the tree. */
  readonly treePath: string;
  readonly type: 'file' | 'directory';
  readonly sizeBytes: number | null;
  readonly mode: number;
  /** Must be consumed or destroyed before the next entry is asked for. Absent for a directory. */
  readonly body?: Readable;
}

export interface Listed {
  readonly path: string;
  /** From the root of the tree, through no link. */
  readonly realPath: string;
  readonly type: 'file' | 'directory';
  readonly sizeBytes: number;
  readonly mode: number;
  /** Seconds since 1970. */
  readonly modifiedAt: number;
  readonly uid: number;
  readonly gid: number;
}

export interface Listing {
  readonly entries: readonly Listed[];
  readonly messages: readonly string[];
  readonly failure?: BulkheadError;
}

export interface Delivery {
  readonly to: string;
  readonly entries: AsyncIterable<Omit<TreeEntry, 'treePath'>>;
}

export interface Move {
  readonly from: Wanted;
  readonly to: string;
}

/** What came of one delivery or move. Files that were written before a failure stay. */
export interface Outcome {
  readonly written: readonly TreeWritten[];
  readonly messages: readonly string[];
  readonly failure?: BulkheadError;
}

export interface TreeWritten {
  readonly path: string;
  /** Where it came from: the path in the source's tree; for a delivery empty. */
  readonly sourcePath: string;
  readonly sizeBytes: number;
}

import { posix } from 'node:path';
import { BulkheadError } from '../errors.ts';
import type { ConfinedTrees, TreeTarget } from '../warden/confined-tree.ts';
import { type FileLocation, type FileRoot, findRoot } from './file-location.ts';
import { appendPath } from './location.ts';
import type { HostFolders, Storage } from './storage.ts';

export interface FileStorage extends Storage {
  readonly folders: HostFolders;
  /** The root that a URL is below, and where; throws `storage-denied`. */
  locate(url: string): FileLocation;
}

export interface FileStorageOptions {
  readonly roots: readonly FileRoot[];
  readonly trees: ConfinedTrees;
}

const WANTED = { FILE: 'file', DIRECTORY: 'directory', any: 'any' } as const;

/** `file://` URLs and bare absolute paths below the folders that the site lists. Throws `config` for a folder that can't be one. */
export function createFileStorage({ roots: given, trees }: FileStorageOptions): FileStorage {
  const roots = given.map(checkedRoot);
  const locate = (url: string): FileLocation => findRoot(roots, url);
  const folders: HostFolders = {
    source(url) {
      const { root, relativePath } = locate(url);
      return { source: { root: root.path, as: 'target', shown: root.path }, path: `/${relativePath}` };
    },
    target(url) {
      const { root, relativePath } = locate(url);
      return { target: targetOf(root), path: `/${relativePath}` };
    },
    urlBelow: appendPath,
  };

  return {
    schemes: ['file'],
    advertised: roots.map(({ path }) => `file://${encodeURI(path)}`),
    folders,
    locate,
    async *read({ url, type, signal, onMessage }) {
      const { source, path } = folders.source(url);
      yield* trees.read(
        source,
        { kind: WANTED[type], path },
        { signal, ...(onMessage === undefined ? {} : { onMessage }) },
      );
    },
    async write({ url, entries, signal }) {
      const { target, path } = folders.target(url);
      const [outcome] = await trees.write(target, [{ to: path, entries }], signal);
      if (outcome?.failure !== undefined) throw outcome.failure;
      return (outcome?.written ?? []).map((file) => ({
        url: appendPath(url, file.path),
        path: file.path,
        sizeBytes: file.sizeBytes,
      }));
    },
  };
}

/** File systems of the kernel: what stands there isn't anybody's data. */
const KERNEL_FOLDERS = ['/proc', '/sys', '/dev'];

/** The folder in the form in which it is compared. Throws `config` for one that can't be a root. */
export function checkedRoot(root: FileRoot): FileRoot {
  const path = posix.normalize(root.path).replace(/\/+$/, '');
  const isKernels = KERNEL_FOLDERS.some((folder) => path === folder || path.startsWith(`${folder}/`));
  if (!root.path.startsWith('/') || path === '' || isKernels) {
    throw new BulkheadError(
      'config',
      `storage.file.roots: ${root.path} can't be a folder for tasks; name one below /, such as /data, and not of the kernel`,
    );
  }
  return { ...root, path };
}

function targetOf(root: FileRoot): TreeTarget {
  if (root.write !== true) {
    throw new BulkheadError(
      'storage-denied',
      `${root.path} is read only for tasks; the site can set write: true for it in storage.file.roots`,
    );
  }
  return {
    root: root.path,
    as: root.owner === undefined ? 'parent' : { name: root.owner },
    writesAll: root.owner !== undefined,
    bits: 'open',
    isDurable: true,
    links: 'owner',
    shown: root.path,
  };
}

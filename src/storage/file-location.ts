import { BulkheadError } from '../errors.ts';
import { printable } from '../printable.ts';

/** A folder of this host below which tasks may read, and write where it says so. */
export interface FileRoot {
  /** Absolute. */
  readonly path: string;
  readonly write?: boolean;
  /** Who owns what is written, as `user`, `user:group` or ids; by default, whoever owns the nearest folder that is there. */
  readonly owner?: string;
}

export interface FileLocation {
  readonly root: FileRoot;
  /** From the root's path, without a leading slash; empty for the root itself. */
  readonly relativePath: string;
}

/** The innermost root that a path is below. Throws `storage-denied`, naming the roots. */
export function findRoot(roots: readonly FileRoot[], url: string): FileLocation {
  const path = filePath(url);
  const found = roots
    .filter((root) => path === root.path || path.startsWith(`${root.path}/`))
    .toSorted((a, b) => b.path.length - a.path.length)[0];
  if (found !== undefined) return { root: found, relativePath: path.slice(found.path.length + 1) };
  const names = roots.map(({ path: root, write }) => (write ? root : `${root} (read only)`)).join(', ');
  throw new BulkheadError(
    'storage-denied',
    `${printable(path)} is below no folder of this site; ${names === '' ? 'it has none' : `it has ${names}`}`,
  );
}

const FILE_URL = /^file:\/\/([^/]*)(\/.*)$/is;

/**
 * The path of a `file` URL or of a bare absolute path, in one spelling. In a URL `%xx` is UTF-8 (RFC 3986, 2.1, and
 * RFC 8089), a bare path is taken as it is. Throws `storage-denied` for what names no file here.
 */
export function filePath(url: string): string {
  const parts = url.startsWith('/') ? url.split('/') : urlParts(url);
  const named = parts.filter((part) => part !== '' && part !== '.');
  if (named.includes('..')) throw denied(url, 'has a ".." part');
  if (named.some((part) => part.includes('\0'))) throw denied(url, 'has a NUL character');
  return `/${named.join('/')}`;
}

function urlParts(url: string): string[] {
  const [, host, path] = FILE_URL.exec(url) ?? [];
  if (host === undefined || path === undefined) throw denied(url, 'is not file:/// and an absolute path');
  if (host !== '' && host.toLowerCase() !== 'localhost') throw denied(url, 'names another host');
  if (/[?#]/.test(path))
    throw denied(url, 'has a "?" or "#", which ends the path of a URL: write %3F or %23, or a bare path');
  return path.split('/').map((part) => decode(part, url));
}

function decode(part: string, url: string): string {
  let decoded: string;
  try {
    decoded = decodeURIComponent(part);
  } catch {
    throw denied(url, 'has a "%" that begins no UTF-8 character: write %25, or a bare path');
  }
  if (decoded.includes('/')) throw denied(url, 'has an encoded slash');
  return decoded;
}

function denied(url: string, problem: string): BulkheadError {
  return new BulkheadError('storage-denied', `${printable(url)} ${problem}`);
}

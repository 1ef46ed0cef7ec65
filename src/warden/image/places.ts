import { lstat, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { BulkheadError } from '../../errors.ts';

const MAX_LINKS = 40;

export interface Place {
  /** `file` also where one stands on the way: nothing can be below it. */
  readonly kind: 'folder' | 'file' | 'nothing';
  /** The path without symbolic links, as far as something is there; `/` for the root itself. */
  readonly path: string;
}

/**
 * Where a path leads for a process whose root is `rootfs`. The root must not change meanwhile: it is an unpacked image,
 * not a running task's. Throws `image-invalid` for a path through too many links.
 */
export async function placeInside(rootfs: string, path: string): Promise<Place> {
  const left = path.split('/');
  const done: string[] = [];
  const at = (): string => `/${done.join('/')}`;
  for (let links = 0; left.length > 0;) {
    const part = left.shift() ?? '';
    if (part === '' || part === '.') continue;
    if (part === '..') {
      done.pop();
      continue;
    }
    const here = join(rootfs, ...done, part);
    const status = await lstat(here).catch(absent);
    if (status === undefined) return { kind: 'nothing', path: at() };
    if (!status.isSymbolicLink()) {
      done.push(part);
      if (!status.isDirectory()) return { kind: 'file', path: at() };
      continue;
    }
    links += 1;
    if (links > MAX_LINKS)
      throw new BulkheadError(
        'image-invalid',
        `The image's ${path} leads through more than ${MAX_LINKS} symbolic links.`,
      );
    const target = await readlink(here);
    if (target.startsWith('/')) done.length = 0;
    left.unshift(...target.split('/'));
  }
  return { kind: 'folder', path: at() };
}

function absent(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
  throw error;
}

import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** The id inside of a folder's owner; undefined where no such folder is reached without a symbolic link. */
export async function ownerInside(image: ImageRoot, path: string): Promise<number | undefined> {
  let at = image.rootfs;
  let owner: number | undefined;
  // Of the host's folders beside the image nobody is told.
  if (/(^|\/)\.\.?(\/|$)/.test(path)) return undefined;
  for (const part of ['', ...path.split('/').filter((name) => name !== '')]) {
    at = join(at, part);
    const found = await lstat(at).catch(() => undefined);
    if (!found?.isDirectory()) return undefined;
    owner = found.uid - image.idBase;
  }
  return owner;
}

/** The image has a folder there, reached without a symbolic link, that is not empty. */
export async function hasFiles(image: ImageRoot, path: string): Promise<boolean> {
  if ((await ownerInside(image, path)) === undefined) return false;
  return (await readdir(join(image.rootfs, path))).length > 0;
}

/** An unpacked image on this host. */
export interface ImageRoot {
  readonly rootfs: string;
  readonly idBase: number;
}

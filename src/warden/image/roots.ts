import { existsSync, readFileSync, statSync } from 'node:fs';
import { mkdir, open, readdir, rename } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { BulkheadError } from '../../errors.ts';
import type { HostIds } from '../host-ids.ts';
import { discardImage, unpackImage } from '../unpack.ts';
import type { UnpackedImages, UnpackedSize } from '../unpacked-images.ts';
import { hasFiles, type ImageRoot, ownerInside } from './folders.ts';
import { placeInside } from './places.ts';
import { resolveUser } from './user.ts';

export interface ImageRoots extends UnpackedImages {
  /** Throws `image-invalid` for an image that isn't here. */
  root(digest: string): ImageRoot;
}

const RECORD = 'image.json';

/**
 * `roots/HEX/{rootfs,image.json}` are complete images: one appears by one rename and goes by another, so that a crash
 * leaves only what the next start clears away.
 */
export async function openImageRoots(options: {
  readonly folders: { readonly roots: string; readonly work: string };
  readonly jail: string;
  readonly ids: HostIds;
  readonly isUsed: (digest: string) => boolean;
  /** Before an image is removed. */
  readonly forget: (digest: string) => Promise<void>;
}): Promise<ImageRoots> {
  const { folders, ids } = options;
  const idBase = ids.base;
  await mkdir(folders.roots, { recursive: true, mode: 0o700 });
  const placeOf = (digest: string): string => join(folders.roots, digest.slice('sha256:'.length));
  const known = new Map<string, UnpackedSize>();
  const unpacking = new Set<string>();
  for (const name of await readdir(folders.roots)) {
    const digest = `sha256:${name}`;
    const size = /^[0-9a-f]{64}$/.test(name) ? readRecord(placeOf(digest), ids) : undefined;
    if (size === undefined) await discardImage(join(folders.roots, name));
    else known.set(digest, size);
  }
  const root = (digest: string): ImageRoot => {
    if (!known.has(digest))
      throw new BulkheadError('image-invalid', `the image ${digest} isn't unpacked on this host`);
    return { rootfs: join(placeOf(digest), 'rootfs'), idBase };
  };

  return {
    root,
    async unpackImage({ digest, layout, manifest }, signal) {
      const present = known.get(digest);
      if (present !== undefined) return present;
      // Two of them would take each other's half of the work for their own, and neither would have looked at all of it.
      if (unpacking.has(digest))
        throw new BulkheadError('conflict', `the image ${digest} is being unpacked already`);
      const making = `${placeOf(digest)}.new`;
      unpacking.add(digest);
      try {
        await discardImage(making);
        await mkdir(making, { mode: 0o700 });
        const { sizeBytes } = await unpackImage(
          {
            layout: join(folders.work, layout),
            digest: manifest,
            destination: join(making, 'rootfs'),
            idBase,
            idCount: ids.count,
            jail: options.jail,
          },
          signal,
        );
        const size = { digest, sizeBytes };
        await writeRecord(making, { ...size, idBase, idMap: ids.map });
        await rename(making, placeOf(digest));
        await syncFolder(folders.roots);
        known.set(digest, size);
        return size;
      } catch (error) {
        await discardImage(making);
        throw error;
      } finally {
        unpacking.delete(digest);
      }
    },
    listImages: async () => [...known.values()],
    async removeImage({ digest }) {
      if (!known.has(digest)) return;
      if (options.isUsed(digest))
        throw new BulkheadError('conflict', `the image ${digest} is used by an open attempt; it stays`);
      known.delete(digest);
      const trash = `${placeOf(digest)}.old`;
      await discardImage(trash);
      await rename(placeOf(digest), trash);
      await options.forget(digest);
      await discardImage(trash);
    },
    imageUser: async ({ digest, user }) => resolveUser(root(digest).rootfs, user, ids.count),
    async imageFolders({ digest, paths }) {
      const image = root(digest);
      return await Promise.all(
        paths.map(async (path) => ({
          owner: (await ownerInside(image, path)) ?? null,
          isEmpty: !(await hasFiles(image, path)),
          leadsTo: (await placeInside(image.rootfs, path)).kind,
        })),
      );
    },
  };
}

/** Undefined where the image isn't whole, or was unpacked for other ids, as where the user was given others. */
function readRecord(place: string, { base, map }: HostIds): UnpackedSize | undefined {
  const path = join(place, RECORD);
  if (!existsSync(path) || !statSync(join(place, 'rootfs')).isDirectory()) return undefined;
  try {
    const record: { digest: string; sizeBytes: number; idBase: number; idMap?: string } = JSON.parse(
      readFileSync(path, 'utf8'),
    );
    if (
      record.idBase !== base ||
      (record.idMap ?? '') !== map ||
      record.digest !== `sha256:${basename(place)}`
    )
      return undefined;
    return { digest: record.digest, sizeBytes: record.sizeBytes };
  } catch {
    return undefined;
  }
}

async function writeRecord(
  place: string,
  record: UnpackedSize & { idBase: number; idMap: string },
): Promise<void> {
  await using file = await open(join(place, RECORD), 'wx', 0o600);
  await file.writeFile(JSON.stringify(record));
  await file.sync();
  await syncFolder(place);
}

async function syncFolder(path: string): Promise<void> {
  await using folder = await open(path, 'r');
  await folder.sync();
}

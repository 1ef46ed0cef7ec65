import { constants } from 'node:fs';
import { type FileHandle, open, realpath } from 'node:fs/promises';
import { join, sep } from 'node:path';

import { BulkheadError } from '../errors.ts';
import { type Digest, digestOf, hexOf } from './digest.ts';

/** A folder that holds blobs by digest. */
export interface BlobFolder {
  readonly path: string;
  /** As skopeo's `dir:` has them, or as an OCI image layout has them. */
  readonly shape: 'dir' | 'layout';
}

/** Opens a blob for reading. Throws `image-invalid` where it is missing, isn't a file, or is a symlink that leaves the folder. */
export async function openBlob(folder: BlobFolder, digest: Digest): Promise<FileHandle> {
  const name = folder.shape === 'dir' ? hexOf(digest) : join('blobs', 'sha256', hexOf(digest));
  const handle = await openInside(folder.path, name);
  if (handle === undefined)
    throw new BulkheadError('image-invalid', `The image in ${folder.path} lacks its blob ${digest}.`);
  return handle;
}

/** The whole blob, verified. Throws `image-invalid` where it is larger than `maxBytes` or isn't what its digest says. */
export async function readBlob(folder: BlobFolder, digest: Digest, maxBytes: number): Promise<Buffer> {
  await using handle = await openBlob(folder, digest);
  const bytes = await readAtMost(handle, maxBytes, `The blob ${digest} in ${folder.path}`);
  if (digestOf(bytes) !== digest) {
    throw new BulkheadError(
      'image-invalid',
      `The blob ${digest} in ${folder.path} is damaged: its content has the digest ${digestOf(bytes)}.`,
    );
  }
  return bytes;
}

/**
 * Opens a regular file below a folder; undefined where there is none. A symlink may lead elsewhere inside the
 * folder, never out of it. FIFOs don't block it. Somebody who may write to the folder can swap a file between
 * check and opening; blobs are held to their digests for that reason.
 */
export async function openInside(folder: string, name: string): Promise<FileHandle | undefined> {
  try {
    const root = await realpath(folder);
    const path = await realpath(join(root, name));
    if (!path.startsWith(root + sep)) {
      throw new BulkheadError(
        'image-invalid',
        `${join(folder, name)} is a symbolic link that leaves ${folder}; copy the file instead.`,
      );
    }
    const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    if ((await handle.stat()).isFile()) return handle;
    await handle.close();
    throw new BulkheadError('image-invalid', `${join(folder, name)} isn't a regular file.`);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    if (code !== 'EACCES') throw error;
    throw new BulkheadError(
      'image-invalid',
      `${join(folder, name)} can't be read by the server's user, ${process.getuid?.()}; let it read the layout (chmod -R o+rX ${folder}), or name another user (server.user).`,
      { cause: error },
    );
  }
}

/** Throws `image-invalid` where there is more. */
export async function readAtMost(handle: FileHandle, maxBytes: number, what: string): Promise<Buffer> {
  const buffer = Buffer.alloc(Math.min(maxBytes, (await handle.stat()).size) + 1);
  let length = 0;
  while (length < buffer.length) {
    const { bytesRead } = await handle.read(buffer, length, buffer.length - length, length);
    if (bytesRead === 0) return buffer.subarray(0, length);
    length += bytesRead;
  }
  throw new BulkheadError(
    'image-invalid',
    `${what} is larger than the limit of ${maxBytes} bytes, or grew while it was read.`,
  );
}

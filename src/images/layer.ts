import { createHash, type Hash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { type FileHandle, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Duplex, PassThrough } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createZstdDecompress } from 'node:zlib';

import { BulkheadError } from '../errors.ts';
import { type BlobFolder, openBlob } from './blobs.ts';
import { type Digest, hexOf } from './digest.ts';
import type { Descriptor } from './manifest.ts';
import { type FilterState, filterTar } from './tar-filter.ts';

export interface LayerCopy {
  readonly from: BlobFolder;
  readonly layer: Descriptor;
  /** What the image's config says of the layer as plain tar. */
  readonly diffId: Digest;
  /** An existing folder that will hold the copy, named by its digest's hexadecimal part. */
  readonly into: string;
  readonly state: FilterState;
  readonly signal: AbortSignal;
}

/**
 * Copies a layer as plain, filtered tar, and verifies on the way that the blob is what the manifest says and its
 * content what the config says. The copy has a digest of its own. Throws `image-invalid`, `canceled`.
 */
export async function copyLayer(copy: LayerCopy): Promise<{ digest: Digest; sizeBytes: number }> {
  const { layer, signal } = copy;
  await using handle = await openBlob(copy.from, layer.digest);
  const decompress = await decompressor(handle, layer);
  const [asStored, asTar, asFiltered] = [createHash('sha256'), createHash('sha256'), createHash('sha256')];
  const temporary = join(copy.into, `${hexOf(layer.digest)}.partial`);
  const counts = { stored: 0, filtered: 0 };
  try {
    await pipeline(
      handle.createReadStream({ start: 0, autoClose: false, highWaterMark: 1 << 18 }),
      (source: AsyncIterable<Buffer>) => tap(source, asStored, (bytes) => (counts.stored += bytes)),
      decompress,
      (source: AsyncIterable<Buffer>) =>
        tap(filterTar(tap(source, asTar), copy.state), asFiltered, (bytes) => (counts.filtered += bytes)),
      createWriteStream(temporary, { flags: 'wx', mode: 0o600, highWaterMark: 1 << 20 }),
      { signal },
    );
    verify('blob', asStored, layer.digest, layer.digest);
    verify('content', asTar, copy.diffId, layer.digest);
    if (counts.stored !== layer.sizeBytes) {
      throw new BulkheadError(
        'image-invalid',
        `The layer ${layer.digest} has ${counts.stored} bytes; its manifest says ${layer.sizeBytes}.`,
      );
    }
    const digest: Digest = `sha256:${asFiltered.digest('hex')}`;
    await rename(temporary, join(copy.into, hexOf(digest)));
    return { digest, sizeBytes: counts.filtered };
  } catch (error) {
    await rm(temporary, { force: true });
    throw translate(error, layer, signal);
  }
}

/** By the first bytes, not by the media type, which tools get wrong; Docker does the same. */
async function decompressor(handle: FileHandle, layer: Descriptor): Promise<Duplex> {
  const { buffer } = await handle.read(Buffer.alloc(6), 0, 6, 0);
  const magic = buffer.toString('hex');
  if (magic.startsWith('1f8b')) return createGunzip({ chunkSize: 1 << 18 });
  // A zstd frame, or a skippable one, with which zstd:chunked layers may begin (RFC 8878, section 3).
  if (magic.startsWith('28b52ffd') || /^5.2a4d18/.test(magic))
    return createZstdDecompress({ chunkSize: 1 << 18 });
  if (magic.startsWith('425a68') || magic === 'fd377a585a00') {
    throw new BulkheadError(
      'image-invalid',
      `The layer ${layer.digest} is compressed by bzip2 or xz; use gzip or zstd.`,
    );
  }
  return new PassThrough();
}

async function* tap(
  source: AsyncIterable<Buffer>,
  hash: Hash,
  count: (bytes: number) => void = () => {},
): AsyncGenerator<Buffer> {
  for await (const chunk of source) {
    hash.update(chunk);
    count(chunk.length);
    yield chunk;
  }
}

function verify(what: string, hash: Hash, expected: Digest, layer: Digest): void {
  const actual = `sha256:${hash.digest('hex')}`;
  if (actual !== expected) {
    throw new BulkheadError(
      'image-invalid',
      `The layer ${layer} is damaged: its ${what} has the digest ${actual}, not ${expected}.`,
    );
  }
}

function translate(error: unknown, layer: Descriptor, signal: AbortSignal): unknown {
  if (signal.aborted)
    return new BulkheadError('canceled', 'Getting the image was canceled.', { cause: error });
  if (!(error instanceof Error) || error instanceof BulkheadError || !('code' in error)) return error;
  const code = String(error.code);
  if (code.startsWith('Z_') || code.startsWith('ZSTD_') || code === 'ERR_ZLIB_INITIALIZATION_FAILED') {
    return new BulkheadError(
      'image-invalid',
      `The layer ${layer.digest} can't be decompressed: ${error.message}.`,
      { cause: error },
    );
  }
  return error;
}

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { BulkheadError } from '../errors.ts';
import { type BlobFolder, readBlob } from './blobs.ts';
import { parseConfig } from './config.ts';
import { type Digest, digestOf, hexOf } from './digest.ts';
import { copyLayer } from './layer.ts';
import { type Manifest, MAX_DOCUMENT_BYTES } from './manifest.ts';
import { PLATFORM } from './platform.ts';
import type { FilterState } from './tar-filter.ts';

export interface ImageLimits {
  /** Bytes that one image may unpack to. */
  readonly imageBytes: number;
  /** Files that one image may unpack to, in all layers. */
  readonly imageFiles: number;
}

export interface PrivateLayoutRequest {
  readonly from: BlobFolder;
  readonly manifest: Manifest;
  /** Created by this; must not exist. */
  readonly folder: string;
  /** How many ids there are inside: `idCount`, from 0. */
  readonly idCount: number;
  readonly limits: ImageLimits;
  readonly progress: (message: string) => void;
  readonly signal: AbortSignal;
}

/**
 * Writes an OCI image layout that holds one image, tagged by the hexadecimal digits of its digest, with the same
 * files as the given one but plain filtered layers and a config that says nothing but what these are. So
 * whatever form the source has (Docker's schema, zstd, an odd media type), the privileged unpacker sees one
 * form, written by us, and the source is never written to. Throws `image-invalid`, `canceled`.
 */
export async function writePrivateLayout(
  request: PrivateLayoutRequest,
): Promise<{ digest: Digest; leftOut: readonly string[] }> {
  const { manifest, folder } = request;
  const config = parseConfig(
    await readBlob(request.from, manifest.config.digest, MAX_DOCUMENT_BYTES),
    'The image config',
  );
  if (config.diffIds.length !== manifest.layers.length) {
    throw new BulkheadError(
      'image-invalid',
      `The image config lists ${config.diffIds.length} layers, its manifest ${manifest.layers.length}.`,
    );
  }
  const blobs = join(folder, 'blobs', 'sha256');
  await mkdir(blobs, { recursive: true, mode: 0o700 });

  const state = newState(request);
  const layers: { digest: Digest; sizeBytes: number }[] = [];
  for (const [index, layer] of manifest.layers.entries()) {
    const diffId = config.diffIds[index];
    if (diffId === undefined) throw new BulkheadError('internal', 'A layer lost its diff id.');
    request.progress(`checking layer ${index + 1} of ${manifest.layers.length}`);
    layers.push(
      await copyLayer({ from: request.from, layer, diffId, into: blobs, state, signal: request.signal }),
    );
  }

  const write = async (document: object): Promise<{ digest: Digest; size: number }> => {
    const bytes = Buffer.from(JSON.stringify(document));
    await writeFile(join(blobs, hexOf(digestOf(bytes))), bytes, { mode: 0o600 });
    return { digest: digestOf(bytes), size: bytes.length };
  };
  const configDescriptor = await write({
    ...PLATFORM,
    config: {},
    rootfs: { type: 'layers', diff_ids: layers.map(({ digest }) => digest) },
  });
  const manifestDescriptor = await write({
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', ...configDescriptor },
    layers: layers.map(({ digest, sizeBytes }) => ({
      mediaType: 'application/vnd.oci.image.layer.v1.tar',
      digest,
      size: sizeBytes,
    })),
  });
  await writeFile(join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}', { mode: 0o600 });
  await writeFile(join(folder, 'index.json'), JSON.stringify(indexOf(manifestDescriptor)), { mode: 0o600 });
  return { digest: manifestDescriptor.digest, leftOut: [...state.leftOut] };
}

function indexOf(manifest: { digest: Digest; size: number }): object {
  const annotations = { 'org.opencontainers.image.ref.name': hexOf(manifest.digest) };
  return {
    schemaVersion: 2,
    manifests: [{ mediaType: 'application/vnd.oci.image.manifest.v1+json', ...manifest, annotations }],
  };
}

function newState({ idCount, limits }: PrivateLayoutRequest): FilterState {
  return {
    idCount,
    maxBytes: limits.imageBytes,
    maxFiles: limits.imageFiles,
    bytes: 0,
    files: 0,
    leftOut: new Set(),
  };
}

import { BulkheadError } from '../errors.ts';
import { parseConfig } from './config.ts';
import { type Digest, digestOf } from './digest.ts';
import { type Manifest, parseManifest, type Platform } from './manifest.ts';
import { candidates, matches, noPlatform } from './platform.ts';
import type { FoundImage } from './source.ts';

export type Selected = Omit<FoundImage, 'source'>;

/** Reads verified documents of the image. */
export interface Documents {
  manifest(digest: Digest): Promise<Buffer>;
  config(digest: Digest, ofManifest: Digest): Promise<Buffer>;
}

/** An index in an index in an index is what build tools write at most. */
const MAX_DEPTH = 4;

/**
 * From a manifest or an index to the one image that this machine runs: the first that fits, as Docker has it.
 * Throws `image-platform`, which names what there is, and `image-invalid`.
 */
export async function selectImage(name: string, document: Buffer, documents: Documents): Promise<Selected> {
  const seen: Platform[] = [];
  const selected = await descend(name, document, documents, seen, 0);
  if (selected === undefined) throw noPlatform(name, seen);
  return selected;
}

async function descend(
  name: string,
  document: Buffer,
  documents: Documents,
  seen: Platform[],
  depth: number,
): Promise<Selected | undefined> {
  const manifest = parseManifest(document, `The manifest of ${name}`);
  if (manifest.kind === 'manifest') return fitting(name, document, manifest, documents, seen);
  if (depth === MAX_DEPTH)
    throw new BulkheadError('image-invalid', `The index of ${name} is nested more than ${MAX_DEPTH} deep.`);
  seen.push(
    ...manifest.manifests.flatMap(({ platform }) =>
      platform === undefined || matches(platform) ? [] : [platform],
    ),
  );
  for (const entry of candidates(manifest.manifests)) {
    const found = await descend(name, await documents.manifest(entry.digest), documents, seen, depth + 1);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** What a config says of its platform decides; an index may err. */
async function fitting(
  name: string,
  document: Buffer,
  manifest: Manifest,
  documents: Documents,
  seen: Platform[],
): Promise<Selected | undefined> {
  const digest = digestOf(document);
  const config = parseConfig(await documents.config(manifest.config.digest, digest), `The config of ${name}`);
  if (matches(config.platform)) return { digest, manifest, config };
  seen.push(config.platform);
  return undefined;
}

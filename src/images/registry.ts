import { mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';

import { BulkheadError } from '../errors.ts';
import { type BlobFolder, readBlob } from './blobs.ts';
import { digestOf, hexOf, isDigest } from './digest.ts';
import type { ResolvedImage } from './images.ts';
import { MAX_DOCUMENT_BYTES, parseManifest } from './manifest.ts';
import { watchPull } from './pull-progress.ts';
import { formatReference, parseReference, type Reference, repositoryName } from './reference.ts';
import { isListed, type RegistryEntry } from './registries.ts';
import { registryFailure } from './registry-failure.ts';
import { type Documents, selectImage } from './selection.ts';
import type { Skopeo } from './skopeo.ts';
import type { ImageSource } from './source.ts';

export interface RegistryOptions {
  readonly skopeo: Skopeo;
  readonly registries: readonly RegistryEntry[];
  /** Refuse registries that aren't in the list. */
  readonly onlyListed: boolean;
  /** Milliseconds for one manifest or config. */
  readonly requestTimeoutMs: number;
  /** Milliseconds without a byte after which a pull is given up. */
  readonly stallTimeoutMs: number;
}

/** Images in registries, by skopeo. The digest is the registry's own: blobs and manifest are kept as they come. */
export function createRegistrySource(options: RegistryOptions): ImageSource {
  return {
    async find(reference, signal) {
      const name = formatReference(reference);
      admit(options, reference);
      const document = await inspect(options, reference, ['--raw'], reference.digest, signal);
      const documents: Documents = {
        manifest: (wanted) => inspect(options, { ...reference, digest: wanted }, ['--raw'], wanted, signal),
        config: (wanted, ofManifest) =>
          inspect(options, { ...reference, digest: ofManifest }, ['--config', '--raw'], wanted, signal),
      };
      return {
        ...(await selectImage(name, document, documents)),
        source: { kind: 'registry', host: reference.host },
      };
    },
    fetch: (image, into, progress, signal) => pull(options, image, into, progress, signal),
  };
}

/** A manifest or config; held to its digest where that is known. */
async function inspect(
  options: RegistryOptions,
  reference: Reference,
  flags: readonly string[],
  digest: string | undefined,
  signal: AbortSignal,
): Promise<Buffer> {
  const name = formatReference(reference);
  const timeout = AbortSignal.timeout(options.requestTimeoutMs);
  const limits = { signal: AbortSignal.any([signal, timeout]), maxOutputBytes: MAX_DOCUMENT_BYTES };
  try {
    const outcome = await options.skopeo.run(
      ['inspect', ...flags, `docker://${nameForSkopeo(reference)}`],
      reference.host,
      limits,
    );
    if (outcome.exitCode !== 0) throw registryFailure(name, reference.host, outcome.stderr);
    if (digest !== undefined && digestOf(outcome.stdout) !== digest)
      throw otherThanAsked(name, digestOf(outcome.stdout));
    return outcome.stdout;
  } catch (error) {
    if (signal.aborted || !timeout.aborted) throw error;
    throw new BulkheadError(
      'registry',
      `The registry ${reference.host} didn't answer within ${options.requestTimeoutMs} ms.`,
      { cause: error },
    );
  }
}

/** The image as skopeo's `dir:`, which keeps a manifest of any schema as it is, then under its digest's name. */
async function pull(
  options: RegistryOptions,
  image: ResolvedImage,
  into: string,
  progress: (message: string) => void,
  signal: AbortSignal,
): Promise<BlobFolder> {
  if (!isDigest(image.digest))
    throw new BulkheadError('image-reference', `${JSON.stringify(image.digest)} isn't a SHA-256 digest.`);
  const reference = parseReference(image.reference);
  admit(options, reference);
  const name = nameForSkopeo({ ...reference, digest: image.digest });
  const document = await inspect(
    options,
    { ...reference, digest: image.digest },
    ['--raw'],
    image.digest,
    signal,
  );
  const manifest = parseManifest(document, `The manifest of ${image.reference}`);
  if (manifest.kind !== 'manifest')
    throw new BulkheadError('internal', `${name} is an index; resolve it first.`);

  await mkdir(into, { mode: 0o700 });
  const stalled = new AbortController();
  const watch = watchPull(manifest, into, progress, options.stallTimeoutMs, () => stalled.abort());
  try {
    const limits = { signal: AbortSignal.any([signal, stalled.signal]), maxOutputBytes: MAX_DOCUMENT_BYTES };
    const outcome = await options.skopeo.run(
      ['copy', '--quiet', '--retry-times', '2', `docker://${name}`, `dir:${into}`],
      reference.host,
      limits,
    );
    if (outcome.exitCode !== 0) throw registryFailure(image.reference, reference.host, outcome.stderr);
  } catch (error) {
    if (signal.aborted || !stalled.signal.aborted) throw error;
    throw new BulkheadError(
      'registry',
      `The registry ${reference.host} sent nothing of ${image.reference} for ${options.stallTimeoutMs} ms.`,
      { cause: error },
    );
  } finally {
    watch.stop();
  }
  await rename(join(into, 'manifest.json'), join(into, hexOf(image.digest)));
  const folder: BlobFolder = { path: into, shape: 'dir' };
  await readBlob(folder, image.digest, MAX_DOCUMENT_BYTES);
  return folder;
}

function admit(options: RegistryOptions, reference: Reference): void {
  if (!options.onlyListed || isListed(options.registries, repositoryName(reference))) return;
  throw new BulkheadError(
    'registry',
    `This site takes no image from ${reference.host}: ${repositoryName(reference)} isn't below a prefix of images.registries.`,
  );
}

/** skopeo takes a tag or a digest, not both; the digest says which image is meant. */
function nameForSkopeo(reference: Reference): string {
  const { host, repository, tag, digest } = reference;
  return formatReference({
    host,
    repository,
    ...(digest !== undefined ? { digest } : tag !== undefined ? { tag } : {}),
  });
}

function otherThanAsked(name: string, actual: string): BulkheadError {
  return new BulkheadError(
    'image-invalid',
    `The registry answered for ${name} with something else, whose digest is ${actual}.`,
  );
}

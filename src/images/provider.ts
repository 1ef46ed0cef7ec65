import { mkdir, rm } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';

import { BulkheadError, isBulkheadError } from '../errors.ts';
import { readBlob } from './blobs.ts';
import { type Digest, isDigest } from './digest.ts';
import { ImageStore, type StoredImage } from './image-store.ts';
import type { ImageProvider, ImageUsage, ResolvedImage } from './images.ts';
import { createLayoutSource, type LayoutSource } from './layout.ts';
import { MAX_DOCUMENT_BYTES, parseManifest } from './manifest.ts';
import { type ImageLimits, writePrivateLayout } from './private-layout.ts';
import { RecentAnswers } from './recent-answers.ts';
import { formatReference, parseReference, type Reference } from './reference.ts';
import type { RegistryEntry } from './registries.ts';
import { createRegistrySource } from './registry.ts';
import type { UnpackedImages } from '../warden/unpacked-images.ts';
import { SharedWork } from './shared-work.ts';
import { createSkopeo } from './skopeo.ts';
import type { FoundImage, ImageSource } from './source.ts';

export interface ImageProviderOptions {
  /** Of the image store: this provider's alone, on the disk that holds the unpacked images. */
  readonly folder: string;
  /** Folders that are, or hold, OCI image layouts; looked at before registries. */
  readonly layouts: readonly string[];
  readonly registries: readonly RegistryEntry[];
  /** Take images only from registries below a listed prefix. */
  readonly onlyListedRegistries: boolean;
  /** containers-auth.json(5). */
  readonly authFile?: string;
  /** Privileged: the root file systems themselves. */
  readonly unpacked: UnpackedImages;
  readonly limits: ImageProviderLimits;
  /** Proxy variables and the system's certificates are taken from it. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

export interface ImageProviderLimits extends ImageLimits {
  /** Bytes of unpacked images above which `collect` removes unused ones, the longest unused first; null: no limit. */
  readonly storeBytes: number | null;
  /** Milliseconds after its last use at which `collect` removes an image; null: no limit. */
  readonly unusedMs: number | null;
  /** Milliseconds for a registry to answer with a manifest or config. */
  readonly requestTimeoutMs: number;
  /** Milliseconds without a byte after which a pull is given up. */
  readonly stallTimeoutMs: number;
}

const ID_COUNT = 65_536;
/** In the message about a tag that isn't there. */
const MAX_TAGS_TOLD = 10;

/** Clears what a crash left in the store, then answers. Throws `config` for registries that make no sense. */
export async function createImageProvider(
  options: ImageProviderOptions,
): Promise<ImageProvider & ImageUsage> {
  const folder = resolve(options.folder);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const store = await ImageStore.open(folder, options.unpacked, options.now());
  const { registries, environment, authFile } = options;
  const skopeo = await createSkopeo({
    folder: join(folder, 'skopeo'),
    registries,
    environment,
    ...(authFile === undefined ? {} : { authFile }),
  });
  const { requestTimeoutMs, stallTimeoutMs } = options.limits;
  const registry = createRegistrySource({
    skopeo,
    registries,
    onlyListed: options.onlyListedRegistries,
    requestTimeoutMs,
    stallTimeoutMs,
  });
  return new StoreProvider(options, store, {
    layout: createLayoutSource(options.layouts, options.now),
    registry,
  });
}

class StoreProvider implements ImageProvider, ImageUsage {
  readonly #options: ImageProviderOptions;
  readonly #store: ImageStore;
  readonly #sources: { readonly layout: LayoutSource; readonly registry: ImageSource };
  readonly #finding = new SharedWork<FoundImage>();
  /** Of registries, by references with a digest: what a digest names never changes. */
  readonly #known = new RecentAnswers<FoundImage>();
  readonly #making = new SharedWork<void>();
  readonly #pins = new Map<string, number>();
  #collecting: Promise<unknown> = Promise.resolve();

  constructor(
    options: ImageProviderOptions,
    store: ImageStore,
    sources: { layout: LayoutSource; registry: ImageSource },
  ) {
    this.#options = options;
    this.#store = store;
    this.#sources = sources;
  }

  async resolve(reference: string, signal: AbortSignal): Promise<ResolvedImage> {
    const parsed = parseReference(reference);
    const name = formatReference(parsed);
    const { digest, source, config } = await this.#finding.run(
      name,
      (_, shared) => this.#find(parsed, shared),
      () => {},
      signal,
    );
    return { reference: name, digest, source, config: config.image };
  }

  async acquire(
    image: ResolvedImage,
    progress: (message: string) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const { digest } = image;
    if (!isDigest(digest))
      throw new BulkheadError('image-reference', `${JSON.stringify(digest)} isn't a SHA-256 digest.`);
    // Before the first look at the disk, so that `collect` sees it.
    this.#pins.set(digest, (this.#pins.get(digest) ?? 0) + 1);
    try {
      await this.#making.run(
        digest,
        (tell, shared) => this.#make(image, digest, tell, shared),
        progress,
        signal,
      );
    } catch (error) {
      this.#unpin(digest);
      throw error;
    }
  }

  release(digest: string): void {
    // Lost to a crash of the machine at worst, which makes the image look unused for longer than it was.
    if (this.#unpin(digest) && isDigest(digest))
      void this.#store.touch(digest, this.#options.now()).catch(() => {});
  }

  async collect(): Promise<{ removed: readonly string[]; freedBytes: number }> {
    const run = this.#collecting.then(() => this.#collect());
    this.#collecting = run.catch(() => {});
    return run;
  }

  async usedBytes(): Promise<number> {
    return this.#store.list().reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  }

  async due(): Promise<readonly StoredImage[]> {
    const { limits, now } = this.#options;
    const images = this.#store.list().toSorted((left, right) => left.usedAt - right.usedAt);
    let total = images.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    return images.filter(({ digest, sizeBytes, usedAt }) => {
      const isOld = limits.unusedMs !== null && now() - usedAt > limits.unusedMs;
      const isDue = isOld || (limits.storeBytes !== null && total > limits.storeBytes);
      if (!isDue || this.#pins.has(digest)) return false;
      total -= sizeBytes;
      return true;
    });
  }

  async #find(reference: Reference, signal: AbortSignal): Promise<FoundImage> {
    const local = await this.#sources.layout.find(reference, signal);
    if (local !== undefined) return local;
    const name = formatReference(reference);
    const known = this.#known.get(name);
    if (known) return known.answer;
    try {
      const remote = await this.#sources.registry.find(reference, signal);
      if (remote !== undefined && reference.digest !== undefined) this.#known.set(name, remote);
      if (remote !== undefined) return remote;
      throw new BulkheadError('image-not-found', `There is no image ${name}.`);
    } catch (error) {
      if (!isBulkheadError(error) || (error.code !== 'registry' && error.code !== 'image-not-found'))
        throw error;
      const tags = await this.#sources.layout.tagsOf(reference);
      const inLayouts =
        tags.length === 0
          ? 'No layout of images.layouts has it either.'
          : `In images.layouts it has the tags ${tags.slice(0, MAX_TAGS_TOLD).join(', ')}${tags.length > MAX_TAGS_TOLD ? ' and others' : ''}.`;
      throw new BulkheadError(error.code, `${error.message} (${inLayouts})`, { cause: error });
    }
  }

  async #make(
    image: ResolvedImage,
    digest: Digest,
    tell: (message: string) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const { limits, unpacked, now } = this.#options;
    if (this.#store.find(digest) !== undefined) return;
    const work = await this.#store.work();
    try {
      const [source, layout] = [join(work, 'source'), join(work, 'layout')];
      const from = await this.#sources[image.source.kind].fetch(image, source, tell, signal);
      const manifest = parseManifest(
        await readBlob(from, digest, MAX_DOCUMENT_BYTES),
        `The manifest of ${image.reference}`,
      );
      if (manifest.kind !== 'manifest')
        throw new BulkheadError('internal', `${image.reference} is an index; resolve it first.`);
      const copy = await writePrivateLayout({
        from,
        manifest,
        folder: layout,
        idCount: ID_COUNT,
        limits,
        progress: tell,
        signal,
      });
      // Tools put the usual nodes into /dev, which a sandbox has of its own; others are worth a word.
      const devices = copy.leftOut.filter((path) => !path.startsWith('/dev/'));
      if (devices.length > 0) tell(`left out ${devices.length} device nodes, such as ${devices[0]}`);
      await rm(source, { recursive: true, force: true });
      tell('unpacking');
      const { sizeBytes } = await unpacked.unpackImage(
        { digest, layout: join(basename(work), 'layout'), manifest: copy.digest },
        signal,
      );
      await this.#store.add(digest, sizeBytes, now());
    } catch (error) {
      throw diskFull(error) ?? error;
    } finally {
      await this.#store.clear(work);
    }
  }

  async #collect(): Promise<{ removed: readonly string[]; freedBytes: number }> {
    const removed: string[] = [];
    let freedBytes = 0;
    for (const { digest, sizeBytes } of await this.due()) {
      // Taken in the meantime.
      if (this.#pins.has(digest) || !(await this.#store.remove(digest))) continue;
      removed.push(digest);
      freedBytes += sizeBytes;
    }
    return { removed, freedBytes };
  }

  /** True where this was the last pin. */
  #unpin(digest: string): boolean {
    const pins = this.#pins.get(digest) ?? 0;
    if (pins > 1) this.#pins.set(digest, pins - 1);
    else this.#pins.delete(digest);
    return pins === 1;
  }
}

/** Any step that writes may meet it. */
function diskFull(error: unknown): BulkheadError | undefined {
  if (!(error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT')))
    return undefined;
  return new BulkheadError(
    'disk-full',
    'The disk of the image store is full; remove images or give it more room.',
    {
      cause: error,
    },
  );
}

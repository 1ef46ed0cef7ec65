import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';

import type { UnpackedImages } from '../warden/unpacked-images.ts';
import { type Digest, hexOf, isDigest } from './digest.ts';

export interface StoredImage {
  readonly digest: Digest;
  readonly sizeBytes: number;
  /** Milliseconds since 1970. */
  readonly usedAt: number;
}

/** How much later than the time on disk a last use may be, in milliseconds: writing it costs more than it tells. */
const TOUCH_EVERY_MS = 60_000;

/**
 * What this process knows of the images that the warden keeps unpacked: which there are, how large, and when each was
 * last used (`used/HEX`, by its time). `work/` is where an image is prepared for the warden.
 */
export class ImageStore {
  readonly #folder: string;
  readonly #unpacked: UnpackedImages;
  readonly #images = new Map<Digest, StoredImage>();

  private constructor(folder: string, unpacked: UnpackedImages) {
    this.#folder = folder;
    this.#unpacked = unpacked;
  }

  /** One process at a time may have a store open. */
  static async open(folder: string, unpacked: UnpackedImages, now: number): Promise<ImageStore> {
    const store = new ImageStore(resolve(folder), unpacked);
    await rm(store.#path('work'), { recursive: true, force: true });
    for (const name of ['work', 'used']) await mkdir(store.#path(name), { recursive: true, mode: 0o700 });
    for (const { digest, sizeBytes } of await unpacked.listImages({})) {
      if (!isDigest(digest)) continue;
      store.#images.set(digest, { digest, sizeBytes, usedAt: now });
      if (existsSync(store.#used(digest)))
        store.#images.set(digest, { digest, sizeBytes, usedAt: (await stat(store.#used(digest))).mtimeMs });
      else await store.#write(digest, now);
    }
    for (const name of await readdir(store.#path('used'))) {
      const digest = `sha256:${name}`;
      if (!isDigest(digest) || !store.#images.has(digest))
        await rm(store.#path('used', name), { force: true });
    }
    return store;
  }

  /** A new empty folder for preparing an image; whatever is left in it is removed by `clear`. */
  async work(): Promise<string> {
    return mkdtemp(this.#path('work', 'image-'));
  }

  async clear(work: string): Promise<void> {
    await rm(work, { recursive: true, force: true });
  }

  find(digest: Digest): StoredImage | undefined {
    return this.#images.get(digest);
  }

  list(): StoredImage[] {
    return [...this.#images.values()];
  }

  /** The warden has unpacked it. */
  async add(digest: Digest, sizeBytes: number, now: number): Promise<void> {
    this.#images.set(digest, { digest, sizeBytes, usedAt: now });
    await this.#write(digest, now);
  }

  /** Tells the store that the image was in use until now; on disk within a minute or so. */
  async touch(digest: Digest, now: number): Promise<void> {
    const image = this.#images.get(digest);
    if (image === undefined) return;
    this.#images.set(digest, { ...image, usedAt: now });
    const onDisk = existsSync(this.#used(digest)) ? (await stat(this.#used(digest))).mtimeMs : 0;
    if (now - onDisk >= TOUCH_EVERY_MS) await this.#write(digest, now);
  }

  /** It is out of the store when this returns to the event loop, and off the disk when the promise resolves. False where it wasn't there. */
  async remove(digest: Digest): Promise<boolean> {
    const image = this.#images.get(digest);
    // Not awaited: nobody can take the image between the caller's look at its pins and this.
    if (!this.#images.delete(digest)) return false;
    try {
      await this.#unpacked.removeImage({ digest });
    } catch (error) {
      if (image !== undefined) this.#images.set(digest, image);
      throw error;
    }
    await rm(this.#used(digest), { force: true });
    return true;
  }

  async #write(digest: Digest, now: number): Promise<void> {
    await writeFile(this.#used(digest), '', { mode: 0o600 });
    await utimes(this.#used(digest), now / 1000, now / 1000);
  }

  #used(digest: Digest): string {
    return this.#path('used', hexOf(digest));
  }

  #path(...names: readonly string[]): string {
    return join(this.#folder, ...names);
  }
}

import { renameSync } from 'node:fs';
import { mkdir, mkdtemp, open, readdir, readFile, rename, stat, utimes } from 'node:fs/promises';
import { join, resolve } from 'node:path';

import { BulkheadError } from '../errors.ts';
import { type Digest, hexOf, isDigest } from './digest.ts';
import { isObject } from './json.ts';

export interface StoredImage {
  readonly digest: Digest;
  readonly rootfs: string;
  readonly idBase: number;
  readonly sizeBytes: number;
  /** Milliseconds since 1970. */
  readonly usedAt: number;
}

const RECORD = 'image.json';

/**
 * Unpacked images on disk, in a folder that only this process's user may enter:
 * `roots/HEX/{rootfs,image.json}` are complete images, `work/` is being made, `trash/` is being removed. An image
 * appears by one rename and goes by another, so a crash leaves only what the next start clears away.
 */
export class ImageStore {
  readonly #folder: string;
  readonly #discard: (folder: string) => Promise<void>;

  private constructor(folder: string, discard: (folder: string) => Promise<void>) {
    this.#folder = folder;
    this.#discard = discard;
  }

  /** `discard` removes a folder whose files belong to many users. One process at a time may have a store open. */
  static async open(folder: string, discard: (folder: string) => Promise<void>): Promise<ImageStore> {
    const store = new ImageStore(resolve(folder), discard);
    for (const name of ['roots', 'work', 'trash'])
      await mkdir(store.#path(name), { recursive: true, mode: 0o700 });
    for (const name of ['work', 'trash']) {
      for (const entry of await readdir(store.#path(name))) await discard(store.#path(name, entry));
    }
    return store;
  }

  /** A new empty folder for making an image; whatever is left in it is removed by `clear`. */
  async work(): Promise<string> {
    return mkdtemp(this.#path('work', 'image-'));
  }

  async clear(work: string): Promise<void> {
    await this.#discard(work);
  }

  /** Undefined where the image isn't there, or was unpacked for another id range. */
  async find(digest: Digest, idBase: number): Promise<StoredImage | undefined> {
    const image = await this.#read(digest);
    return image?.idBase === idBase ? image : undefined;
  }

  /**
   * `made` holds `rootfs` already on disk, and is moved into the store. An image that is there already stays, since
   * somebody may use it, unless it is of another id range.
   */
  async add(
    digest: Digest,
    made: string,
    facts: { idBase: number; sizeBytes: number },
  ): Promise<StoredImage> {
    await using record = await open(join(made, RECORD), 'wx', 0o600);
    await record.writeFile(JSON.stringify({ digest, ...facts }));
    await record.sync();
    await syncFolder(made);
    const target = this.#path('roots', hexOf(digest));
    if (!(await moved(made, target)) && (await this.find(digest, facts.idBase)) === undefined) {
      await this.remove(digest);
      await rename(made, target);
    }
    await syncFolder(this.#path('roots'));
    const image = await this.find(digest, facts.idBase);
    if (image === undefined)
      throw new BulkheadError('internal', `The image ${digest} vanished from the store.`);
    return image;
  }

  async list(): Promise<StoredImage[]> {
    const names = await readdir(this.#path('roots'));
    const digests = names.map((name) => `sha256:${name}`).filter(isDigest);
    const images = await Promise.all(digests.map((digest) => this.#read(digest)));
    return images.filter((image) => image !== undefined);
  }

  /** Tells the store that the image was in use until now. */
  async touch(digest: Digest, now: number): Promise<void> {
    await utimes(this.#path('roots', hexOf(digest), RECORD), now / 1000, now / 1000);
  }

  /** It is out of the store when this returns to the event loop, and off the disk when the promise resolves. False where it wasn't there. */
  async remove(digest: Digest): Promise<boolean> {
    const trash = this.#path('trash', `${hexOf(digest)}-${process.hrtime.bigint()}`);
    try {
      // Not awaited: nobody can take the image between the caller's look at its pins and this.
      renameSync(this.#path('roots', hexOf(digest)), trash);
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false;
      throw error;
    }
    await this.#discard(trash);
    return true;
  }

  async #read(digest: Digest): Promise<StoredImage | undefined> {
    const folder = this.#path('roots', hexOf(digest));
    try {
      const path = join(folder, RECORD);
      const record: unknown = JSON.parse(await readFile(path, 'utf8'));
      const { mtimeMs } = await stat(path);
      if (!isObject(record) || record['digest'] !== digest) return undefined;
      const { idBase, sizeBytes } = record;
      if (typeof idBase !== 'number' || typeof sizeBytes !== 'number') return undefined;
      return { digest, rootfs: join(folder, 'rootfs'), idBase, sizeBytes, usedAt: mtimeMs };
    } catch (error) {
      const isAbsent = error instanceof Error && 'code' in error && error.code === 'ENOENT';
      if (isAbsent || error instanceof SyntaxError) return undefined;
      throw error;
    }
  }

  #path(...names: readonly string[]): string {
    return join(this.#folder, ...names);
  }
}

/** False where the target is there already. */
async function moved(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOTEMPTY' || error.code === 'EEXIST'))
      return false;
    throw error;
  }
}

async function syncFolder(path: string): Promise<void> {
  await using folder = await open(path, 'r');
  await folder.sync();
}

import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findLeftovers } from '../../scripts/demo/leftovers.ts';
import type { Backend } from '../../src/backends/backend.ts';
import { createOciBackend } from '../../src/backends/oci/backend.ts';
import { createStaging } from '../../src/backends/oci/staging.ts';
import { createImageProvider } from '../../src/images/provider.ts';
import { createFileStorage } from '../../src/storage/file.ts';
import { createStorages } from '../../src/storage/registry.ts';
import { SHARES } from '../../src/sandbox/controls.ts';
import { isInUserNamespace } from '../../src/warden/host-ids.ts';
import { openLocalWarden } from '../../src/warden/local-warden.ts';
import { runFolders } from '../../src/warden/run-folders.ts';
import { createConfinedTrees } from '../../src/warden/tree.ts';
import type { Warden } from '../../src/warden/warden.ts';
import { busyboxLayout } from '../fixtures/images.ts';
import { RUNTIME } from '../fixtures/runtime.ts';
import { writeBoxLayout } from './images.ts';

export const RUN_FOLDER = '/run/bulkhead';
export const ID_BASE = 1_879_048_192;

/** The real backend on folders of its own, composed as the server does it. */
export interface Instance {
  readonly backend: Backend;
  readonly warden: Warden;
  /** A root of `file://`, writable. */
  readonly files: string;
  readonly folder: string;
  /** Where the warden has an unpacked image. */
  rootfs(digest: string): string;
  /** What the next server does: the first is closed, what runs goes on, and is found. */
  reopen(): Promise<Backend>;
  /** Ends the instance, names what it left on the machine, and removes its folders. */
  close(): Promise<readonly string[]>;
}

/** `alter` puts something else in the place of the warden, or of parts of it; `runtime` in the place of that of this run. */
export async function openInstance(
  alter = (warden: Warden): Warden => warden,
  runtime = RUNTIME,
): Promise<Instance> {
  const folder = await mkdtemp(join(tmpdir(), 'bulkhead-oci-'));
  const files = join(folder, 'files');
  await mkdir(files);
  const own = join(folder, 'layouts');
  await writeBoxLayout(own);
  const layouts = [await busyboxLayout(), own];
  let opened = await open();

  async function open(): Promise<{ backend: Backend; warden: Warden }> {
    const diskFolder = join(folder, 'disks');
    const warden = await openLocalWarden({
      dataFolder: folder,
      runFolder: RUN_FOLDER,
      diskFolder,
      runtime,
      appArmor: 'auto',
      idBase: ID_BASE,
      poolSize: 2,
      logFolder: join(folder, 'logs'),
      imageFolders: { roots: join(folder, 'images', 'roots'), work: join(folder, 'images', 'work') },
      readers: 0,
      siteRoots: [{ path: files, write: true }],
    });
    const trees = createConfinedTrees();
    const backend = await createOciBackend({
      warden: alter(warden),
      images: await createImageProvider({
        folder: join(folder, 'images'),
        layouts,
        registries: [],
        onlyListedRegistries: true,
        unpacked: warden,
        limits: {
          imageBytes: 2 ** 30,
          imageFiles: 10_000,
          storeBytes: null,
          unusedMs: null,
          requestTimeoutMs: 10_000,
          stallTimeoutMs: 10_000,
        },
        environment: process.env,
        now: Date.now,
      }),
      staging: createStaging({
        storages: createStorages([createFileStorage({ roots: [{ path: files, write: true }], trees })]),
        trees,
        missingOutputs: 'record',
        copiesAll: false,
      }),
      unpacked: warden,
      folder: join(folder, 'attempts'),
      diskFolder,
      slots: 8,
      reserved: { cpuCores: 0, memoryBytes: 0, diskBytes: 0 },
      textBytes: 16_384,
      // Without root, what a site then gives up by name.
      enforcement: { require_enforced: false, may_be_unenforced: isInUserNamespace() ? SHARES : [] },
      now: Date.now,
    });
    return { backend, warden };
  }

  async function closeOpened(): Promise<void> {
    await opened.backend.close();
    await opened.warden.close();
  }

  return {
    get backend() {
      return opened.backend;
    },
    get warden() {
      return opened.warden;
    },
    files,
    folder,
    rootfs: (digest) => join(folder, 'images', 'roots', digest.slice('sha256:'.length), 'rootfs'),
    async reopen() {
      await closeOpened();
      opened = await open();
      return opened.backend;
    },
    async close() {
      await closeOpened();
      const left = await findLeftovers([folder, runFolders(RUN_FOLDER, folder).instance]);
      await rm(folder, { recursive: true, force: true });
      return left;
    },
  };
}

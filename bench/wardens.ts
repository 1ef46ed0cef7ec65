import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Backend } from '../src/backends/backend.ts';
import { createOciBackend } from '../src/backends/oci/backend.ts';
import { createStaging } from '../src/backends/oci/staging.ts';
import { createImageProvider } from '../src/images/provider.ts';
import { createStorages } from '../src/storage/registry.ts';
import { openLocalWarden } from '../src/warden/local-warden.ts';
import { createConfinedTrees } from '../src/warden/tree.ts';
import type { UnpackedImages } from '../src/warden/unpacked-images.ts';
import type { Warden } from '../src/warden/warden.ts';
import { connectWarden } from '../src/warden/wire/remote.ts';
import { busyboxLayout } from '../test/fixtures/images.ts';
import { wardenOptions } from './warden-options.ts';

const CHILD = fileURLToPath(new URL('warden-child.ts', import.meta.url));

/** The real backend on a folder of its own. */
export interface WardenBench {
  readonly backend: Backend;
  readonly warden: Warden;
  readonly folder: string;
  close(): Promise<void>;
}

/** With the warden in this process. */
export async function withLocalWarden(): Promise<WardenBench> {
  const folder = await newFolder();
  const warden = await openLocalWarden(wardenOptions(folder));
  return await compose(folder, warden, async () => {});
}

/** With the warden in a process of its own, behind its socket. */
export async function withRemoteWarden(): Promise<WardenBench> {
  const folder = await newFolder();
  const socket = join(folder, 'wire', 'socket');
  const child = spawn(process.execPath, [CHILD, folder, socket], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  const warden = await connectWarden(socket, () => {});
  return await compose(folder, warden, async () => {
    child.kill('SIGTERM');
    await once(child, 'exit');
  });
}

async function compose(
  folder: string,
  warden: Warden & UnpackedImages,
  stop: () => Promise<void>,
): Promise<WardenBench> {
  const backend = await createOciBackend({
    warden,
    images: await createImageProvider({
      folder: join(folder, 'images'),
      layouts: [await busyboxLayout()],
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
      storages: createStorages([]),
      trees: createConfinedTrees(),
      missingOutputs: 'record',
      copiesAll: false,
    }),
    unpacked: warden,
    folder: join(folder, 'attempts'),
    diskFolder: folder,
    slots: 4,
    reserved: { cpuCores: 0, memoryBytes: 0, diskBytes: 0 },
    textBytes: 16_384,
    enforcement: { require_enforced: false, may_be_unenforced: [] },
    now: Date.now,
  });
  return {
    backend,
    warden,
    folder,
    async close() {
      await backend.close();
      await warden.close();
      await stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function newFolder(): Promise<string> {
  return await mkdtemp(join(tmpdir(), 'bulkhead-bench-'));
}

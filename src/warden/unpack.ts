import { spawn } from 'node:child_process';
import { chmod, chown, lstat, open, opendir, rename, rm } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join } from 'node:path';
import type { Readable } from 'node:stream';

import { BulkheadError } from '../errors.ts';
import { type HostIds, isInUserNamespace } from './host-ids.ts';
import { spawnJailed, SYSTEM_PLACES } from './jail.ts';

export interface UnpackRequest {
  /** An OCI image layout of our own, in which the manifest is tagged by the hexadecimal digits of its digest. */
  readonly layout: string;
  /** Of the manifest in that layout: `sha256:…`. */
  readonly digest: string;
  /** The root file system's folder, which must not exist; its parent must. */
  readonly destination: string;
  /** Id inside + `idBase` = id on this host, for the ids below `idCount`. */
  readonly idBase: number;
  readonly idCount: number;
  /** An empty folder on which umoci's own view of the host is built: the layout, the destination, and no more. */
  readonly jail: string;
}

export interface Unpacked {
  /** On disk. */
  readonly sizeBytes: number;
  readonly files: number;
}

/** Of this host's own users; in a user namespace there are none but root. */
const HOST_IDS = 65_536;
const MAX_ID = 2 ** 32 - 2;
const STDERR_BYTES = 64 * 1024;
/** What env(1) ends with where there is no such command. */
const NOT_FOUND = 127;

/**
 * Unpacks an image by umoci. The destination is complete and on disk, or absent: the work happens in
 * `DESTINATION.partial`. No device node is left in it, and no file that belongs to an id outside the map.
 * Throws `warden`, `image-invalid`, `disk-full`, `canceled`, `host`.
 */
export async function unpackImage(request: UnpackRequest, signal: AbortSignal): Promise<Unpacked> {
  check(request);
  const { layout, destination, idBase, idCount } = request;
  const partial = `${destination}.partial`;
  await discardImage(partial);
  try {
    const map = `0:${idBase}:${idCount}`;
    // Relative, since umoci parts path and tag at the first colon.
    const image = `${basename(layout)}:${request.digest.slice('sha256:'.length)}`;
    await runUmoci(
      ['raw', 'unpack', '--uid-map', map, '--gid-map', map, '--image', image, partial],
      request,
      signal,
    );
    const unpacked = await settle(partial, { base: idBase, count: idCount });
    await syncFileSystem(partial);
    signal.throwIfAborted();
    await rename(partial, destination);
    await syncFolder(dirname(destination));
    return unpacked;
  } catch (error) {
    await discardImage(partial);
    if (signal.aborted)
      throw new BulkheadError('canceled', 'Unpacking the image was canceled.', { cause: error });
    throw error;
  }
}

/** Removes an unpacked image; nothing happens where there is none. */
export async function discardImage(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
}

function check({ layout, digest, destination, idBase, idCount }: UnpackRequest): void {
  for (const path of [layout, destination]) {
    if (!isAbsolute(path) || path.includes('\0'))
      throw new BulkheadError('warden', `${JSON.stringify(path)} must be an absolute path.`);
  }
  if (!/^sha256:[0-9a-f]{64}$/.test(digest))
    throw new BulkheadError('warden', `${JSON.stringify(digest)} isn't a SHA-256 digest.`);
  const least = isInUserNamespace() ? 1 : HOST_IDS;
  if (!Number.isInteger(idBase) || idBase < least || idBase + idCount - 1 > MAX_ID) {
    throw new BulkheadError(
      'warden',
      `The id base must be from ${least} to ${MAX_ID - idCount + 1}, not ${idBase}: ids of this host's own users are below.`,
    );
  }
}

/** What umoci left: takes away device nodes, holds every file to the id range, and counts. */
async function settle(root: string, { base, count }: Pick<HostIds, 'base' | 'count'>): Promise<Unpacked> {
  const top = await lstat(root);
  // A layer may say 0700 for the root itself; then no user but uid 0 would get anywhere.
  await chmod(root, (top.mode & 0o7777) | 0o555);
  let [sizeBytes, files] = [top.blocks * 512, 1];
  const folders = [root];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for await (const entry of await opendir(folder, { bufferSize: 256 })) {
      const path = join(folder, entry.name);
      const stat = await lstat(path);
      if (stat.isBlockDevice() || stat.isCharacterDevice()) {
        await rm(path);
        continue;
      }
      if (stat.isDirectory() && stat.uid === 0 && stat.gid === 0) {
        // A folder that no layer lists, made by umoci on the way to a file, as this process and not as the map has it.
        await chown(path, base, base);
        await chmod(path, 0o755);
      } else if (![stat.uid, stat.gid].every((id) => id >= base && id < base + count)) {
        throw new BulkheadError(
          'image-invalid',
          `${path.slice(root.length)} was unpacked with the owner ${stat.uid}:${stat.gid}, outside the sandbox's ids.`,
        );
      }
      if (stat.isDirectory()) folders.push(path);
      sizeBytes += stat.blocks * 512;
      files += 1;
    }
  }
  return { sizeBytes, files };
}

/** CHOWN, DAC_OVERRIDE, FOWNER, FSETID, MKNOD, SETFCAP: what unpacking for other ids takes. */
const UNPACKING_CAPABILITIES = [0, 1, 3, 4, 27, 31];

async function runUmoci(
  argv: readonly string[],
  { layout, destination, jail }: UnpackRequest,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  // The layout is somebody else's, and so is what its layers lead umoci to: in the jail there is nothing else to reach.
  const child = spawnJailed(
    {
      root: jail,
      uid: 0,
      gid: 0,
      capabilities: UNPACKING_CAPABILITIES,
      places: [
        ...SYSTEM_PLACES,
        { how: 'proc', path: '/proc' },
        { how: 'tmp', path: '/tmp' },
        { how: 'strange', path: layout },
        { how: 'rw', path: dirname(destination) },
      ],
      network: 'none',
      cwd: dirname(layout),
    },
    ['/usr/bin/env', 'umoci', ...argv],
    {
      env: {
        PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
        LC_ALL: 'C',
        HOME: '/tmp',
      },
      stdio: ['ignore', 'ignore', 'pipe'],
      signal,
    },
  );
  if (child.stderr === null) throw new BulkheadError('internal', 'umoci has no standard error');
  const [stderr, outcome] = await Promise.all([tail(child.stderr), ended(child)]);
  signal.throwIfAborted();
  if (outcome instanceof Error) throw outcome;
  if (outcome === null)
    throw new BulkheadError('warden', 'umoci was killed while it unpacked the image; try again.');
  if (outcome === NOT_FOUND) {
    throw new BulkheadError('host', 'umoci is not installed; install it (Debian: apt-get install umoci).');
  }
  if (outcome === 0) return;
  const said = stderr.trim().split('\n').at(-1) ?? '';
  if (/no space left|disk quota exceeded/i.test(said)) {
    throw new BulkheadError(
      'disk-full',
      'The disk of the image store is full; remove images or give it more room.',
    );
  }
  throw new BulkheadError(
    'image-invalid',
    `umoci can't unpack the image: ${said.replaceAll(/\s+/g, ' ').slice(0, 500)}`,
  );
}

/** Resolves once the process is gone: its exit code, null for a signal, or why it couldn't be started. */
function ended(child: ReturnType<typeof spawn>): Promise<number | null | Error> {
  return new Promise((resolve) => {
    let failure: Error | undefined;
    child.once('error', (error) => {
      failure = error;
      if (child.pid === undefined) resolve(error);
    });
    child.once('close', (code) => resolve(code === null && failure !== undefined ? failure : code));
  });
}

async function tail(stream: Readable): Promise<string> {
  let text = '';
  for await (const chunk of stream.setEncoding('utf8')) text = `${text}${String(chunk)}`.slice(-STDERR_BYTES);
  return text;
}

/** One system call for the whole file system instead of one `fsync` for each of some 10,000 files. */
async function syncFileSystem(path: string): Promise<void> {
  const child = spawn('sync', ['--file-system', path], { stdio: 'ignore' });
  const outcome = await ended(child);
  if (outcome !== 0) {
    throw new BulkheadError(
      'disk-full',
      `The unpacked image couldn't be written to disk: sync --file-system ${path} failed.`,
    );
  }
}

async function syncFolder(path: string): Promise<void> {
  await using folder = await open(path, 'r');
  await folder.sync();
}

/** A real warden and its socket, at which a test is the server: an honest one, or one that was taken over. */
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { INIT_PATH } from '../../src/backends/oci/compile.ts';
import { PROFILES } from '../../src/sandbox/profiles.ts';
import { type LocalWarden, openLocalWarden } from '../../src/warden/local-warden.ts';
import { NetstringReader } from '../../src/warden/netstring.ts';
import type { SealedAttempt } from '../../src/warden/warden.ts';
import { serveWarden } from '../../src/warden/wire/service.ts';

export interface ServedWarden {
  readonly folder: string;
  /** A folder that tasks may read. */
  readonly files: string;
  readonly socket: string;
  readonly warden: LocalWarden;
  close(): Promise<void>;
}

export async function serveTestWarden({ poolSize = 0 } = {}): Promise<ServedWarden> {
  const folder = mkdtempSync(join(tmpdir(), 'bulkhead-wire-'));
  const files = join(folder, 'files');
  mkdirSync(files);
  const socket = join(folder, 'warden', 'socket');
  await writeEmptyImage(join(folder, 'roots'));
  const warden = await openLocalWarden({
    dataFolder: folder,
    runFolder: '/run/bulkhead',
    diskFolder: join(folder, 'disks'),
    runtime: 'auto',
    appArmor: 'auto',
    idBase: 1_879_048_192,
    poolSize,
    logFolder: join(folder, 'logs'),
    imageFolders: { roots: join(folder, 'roots'), work: join(folder, 'work') },
    readers: 0,
    siteRoots: [{ path: files }],
  });
  const service = await serveWarden({ warden, socket, uid: 0, gid: 0, greeting: {} });
  return {
    folder,
    files,
    socket,
    warden,
    async close() {
      await service.close();
      await warden.close();
      rmSync(folder, { recursive: true });
    },
  };
}

/** A connection that says nothing by itself. */
export async function rawConnection(path: string): Promise<Socket> {
  const socket = connect(path);
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

export type Message = Readonly<Record<string, unknown>>;

/** All messages until the warden ends the connection, whatever they are. */
export async function saidOn(socket: Socket): Promise<Message[]> {
  const reader = new NetstringReader();
  const said: Message[] = [];
  socket.on('data', (bytes: Buffer) => {
    for (const text of reader.push(bytes)) said.push(JSON.parse(text.toString('utf8')));
  });
  if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve));
  return said;
}

const EMPTY_IMAGE = '0'.repeat(64);

/** As the warden keeps images: nothing is in it but what the sandbox puts there. */
async function writeEmptyImage(roots: string): Promise<void> {
  const place = join(roots, EMPTY_IMAGE);
  await mkdir(join(place, 'rootfs'), { recursive: true });
  const record = { digest: `sha256:${EMPTY_IMAGE}`, sizeBytes: 0, idBase: 1_879_048_192 };
  await writeFile(join(place, 'image.json'), JSON.stringify(record));
}

export function attemptOf(attempt: string, slot = 7): SealedAttempt {
  const bytes = 16 * 2 ** 20;
  const limits = {
    cpuCores: 0.5,
    memoryBytes: 64 * 2 ** 20,
    diskBytes: bytes,
    diskInodes: 1024,
    pids: 16,
    openFiles: 64,
    logBytes: 4096,
    wallTimeMs: null,
    queueTimeMs: null,
  };
  const sandbox = { profile: 'standard', ...PROFILES.standard, limits };
  const user = { uid: 0, gid: 0, additionalGids: [] };
  const command = [INIT_PATH, '--version'];
  const spec = { sandbox, user, command, env: [], cwd: '/', hostname: 'held' };
  const streams = { logBytes: 4096, stdin: '', stdout: '', stderr: '' };
  const executor = {
    imageDigest: `sha256:${EMPTY_IMAGE}`,
    merged: [],
    spec,
    files: [],
    folders: [],
    ...streams,
  };
  return { attempt, slot, bytes, inodes: 1024, trees: ['/work'], executors: [executor], outputs: [] };
}

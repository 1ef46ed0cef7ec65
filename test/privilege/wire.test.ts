/** A hostile server at the socket of a real warden. */
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type LocalWarden, openLocalWarden } from '../../src/warden/local-warden.ts';
import { connectWarden, type RemoteWarden } from '../../src/warden/wire/remote.ts';
import { INIT_PATH } from '../../src/backends/oci/compile.ts';
import { PROFILES } from '../../src/sandbox/profiles.ts';
import { frame } from '../../src/warden/tree/frames.ts';
import { type OpenTree, startTree } from '../../src/warden/tree/process.ts';
import type { TreeRequest } from '../../src/warden/tree/request.ts';
import type { SealedAttempt } from '../../src/warden/warden.ts';
import { encode } from '../../src/warden/wire/channel.ts';
import { serveWarden, type WardenService } from '../../src/warden/wire/service.ts';

let folder = '';
let socket = '';
let warden: LocalWarden;
let service: WardenService;
let server: RemoteWarden;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bulkhead-wire-'));
  mkdirSync(join(folder, 'files'));
  socket = join(folder, 'warden', 'socket');
  await writeEmptyImage(join(folder, 'roots'));
  warden = await openLocalWarden({
    dataFolder: folder,
    runFolder: '/run/bulkhead',
    diskFolder: join(folder, 'disks'),
    runtime: 'auto',
    idBase: 1_879_048_192,
    poolSize: 0,
    logFolder: join(folder, 'logs'),
    imageFolders: { roots: join(folder, 'roots'), work: join(folder, 'work') },
    readers: 0,
    siteRoots: [{ path: join(folder, 'files') }],
  });
  service = await serveWarden({ warden, socket, uid: 0, gid: 0, greeting: {} });
  server = await connectWarden(socket, () => {});
});
afterAll(async () => {
  await server.close();
  await service.close();
  await warden.close();
  rmSync(folder, { recursive: true });
});

const answers = async (): Promise<void> => expect(await server.hasDisk({ attempt: 'a-1' })).toBe(false);

async function opened(): Promise<Socket> {
  const one = connect(socket);
  one.on('error', () => {});
  await once(one, 'connect');
  return one;
}

it.each([
  ['no netstring', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
  ['no JSON', Buffer.from('3:{{{,')],
  ['null', encode(JSON.parse('{"x":null}'))],
  ['a length beyond the limit', Buffer.from('99999999999:')],
  ['deep JSON', Buffer.from(`200000:${'['.repeat(200_000)},`)],
])('%s ends that connection alone', async (_, bytes) => {
  const one = await opened();
  one.resume().end(bytes);
  await once(one, 'close');
  await answers();
});

it('a second server is refused', async () => {
  await expect(connectWarden(socket, () => {})).rejects.toMatchObject({ code: 'forbidden' });
});

const shadow = {
  mode: 'read',
  from: { root: '/etc', as: 'target', withContents: true },
  wanted: [{ kind: 'file', path: '/shadow' }],
  places: [],
} as const satisfies TreeRequest;

it.each([{ path: '/etc' }, { path: '/' }])('no tree at $path is opened', async ({ path }) => {
  const request = { ...shadow, from: { ...shadow.from, root: path } };
  await expect(server.openTree(request, new AbortController().signal)).rejects.toMatchObject({
    code: 'forbidden',
  });
});

it('is given by who doesn’t ask what is allowed (control)', async () => {
  const tree = await startTree(shadow, new AbortController().signal);
  expect(await tree.frames.next()).toMatchObject({ kind: 'F' });
  await tree.end();
});

it('whoever asks for a tree and is gone at once ends nothing', async () => {
  const request = encode({
    mode: 'read',
    from: { root: join(folder, 'files'), as: 'target', withContents: true },
    wanted: [{ kind: 'file', path: '/x' }],
    places: [],
  });
  for (let n = 0; n < 40; n++) {
    const one = await opened();
    one.write(request);
    if (n % 2 === 0) one.destroy();
    else setImmediate(() => one.destroy());
  }
  await answers();
});

describe('files that are put into an attempt', () => {
  it('end with its beginning: who was let in before writes nothing into what runs', async () => {
    expect(await writtenAfterItsBeginning('held-1', (...given) => server.openTree(...given))).toBe(false);
  });

  it('do not without that (control)', async () => {
    expect(await writtenAfterItsBeginning('control-1', startTree)).toBe(true);
  });
});

/** Opens a tree of an attempt, lets the attempt begin, and only then writes a file. */
async function writtenAfterItsBeginning(attempt: string, open: OpenTree): Promise<boolean> {
  await server.openAttempt(attemptOf(attempt));
  try {
    const { root, uid, gid } = await server.makeWorkspace({ attempt, links: [], linkedFolders: [] });
    const to = { root, as: { uid, gid }, bits: 'keep', isDurable: false, links: 'any' } as const;
    const signal = new AbortController().signal;
    const tree = await open({ mode: 'write', to, wanted: [], places: ['/work/late'] }, signal);
    await server.create({ attempt, index: 0 });
    for (const [kind, ...fields] of [['F', 0, '', '', 0o644, 0, ''], ['E'], ['Z', 0], ['N']] as const)
      tree.stdin.write(frame(kind, fields));
    for (let found = await tree.frames.next(); found !== undefined && found.kind !== 'N';)
      found = await tree.frames.next();
    await tree.end();
    return existsSync(join(root, 'work', 'late'));
  } finally {
    await server.kill({ attempt });
    await server.closeAttempt({ attempt });
  }
}

const EMPTY_IMAGE = '0'.repeat(64);

/** As the warden keeps images: nothing is in it but what the sandbox puts there. */
async function writeEmptyImage(roots: string): Promise<void> {
  const place = join(roots, EMPTY_IMAGE);
  await mkdir(join(place, 'rootfs'), { recursive: true });
  const record = { digest: `sha256:${EMPTY_IMAGE}`, sizeBytes: 0, idBase: 1_879_048_192 };
  await writeFile(join(place, 'image.json'), JSON.stringify(record));
}

function attemptOf(attempt: string): SealedAttempt {
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
  return { attempt, slot: 7, bytes, inodes: 1024, trees: ['/work'], executors: [executor], outputs: [] };
}

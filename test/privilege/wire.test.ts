/** A hostile server at the socket of a real warden. */
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type LocalWarden, openLocalWarden } from '../../src/warden/local-warden.ts';
import { connectWarden, type RemoteWarden } from '../../src/warden/wire/remote.ts';
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

it.each([{ path: '/etc' }, { path: '/' }])('no tree at $path is opened', async ({ path }) => {
  const request = {
    mode: 'read' as const,
    from: { root: path, as: 'target' as const, withContents: true },
    wanted: [{ kind: 'file' as const, path: '/shadow' }],
    places: [],
  };
  await expect(server.openTree(request, new AbortController().signal)).rejects.toMatchObject({
    code: 'forbidden',
  });
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

/** A hostile server at the socket of a real warden. */
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectWarden, type RemoteWarden } from '../../src/warden/wire/remote.ts';
import { frame } from '../../src/warden/tree/frames.ts';
import { type OpenTree, startTree } from '../../src/warden/tree/process.ts';
import type { TreeRequest } from '../../src/warden/tree/request.ts';
import { encode } from '../../src/warden/wire/channel.ts';
import { attemptOf, rawConnection, type ServedWarden, serveTestWarden } from './served-warden.ts';

let served: ServedWarden;
let server: RemoteWarden;

beforeAll(async () => {
  served = await serveTestWarden();
  server = await connectWarden(served.socket, () => {});
});
afterAll(async () => {
  await server.close();
  await served.close();
});

const answers = async (): Promise<void> => expect(await server.hasDisk({ attempt: 'a-1' })).toBe(false);

it.each([
  ['no netstring', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
  ['no JSON', Buffer.from('3:{{{,')],
  ['null', encode(JSON.parse('{"x":null}'))],
  ['a length beyond the limit', Buffer.from('99999999999:')],
  ['deep JSON', Buffer.from(`200000:${'['.repeat(200_000)},`)],
])('%s ends that connection alone', async (_, bytes) => {
  const one = await rawConnection(served.socket);
  one.resume().end(bytes);
  await once(one, 'close');
  await answers();
});

it('a second server is refused', async () => {
  await expect(connectWarden(served.socket, () => {})).rejects.toMatchObject({ code: 'forbidden' });
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
    from: { root: served.files, as: 'target', withContents: true },
    wanted: [{ kind: 'file', path: '/x' }],
    places: [],
  });
  for (let n = 0; n < 40; n++) {
    const one = await rawConnection(served.socket);
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

/** A server that was taken over, and floods its warden: what it holds and starts stays within limits, and others are answered. */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encode } from '../../src/warden/wire/channel.ts';
import * as limits from '../../src/warden/wire/limits.ts';
import { NetstringReader } from '../../src/warden/netstring.ts';
import { connectWarden, type RemoteWarden } from '../../src/warden/wire/remote.ts';
import { serveWarden } from '../../src/warden/wire/service.ts';
import { until } from '../poll.ts';
import { type Message, rawConnection, saidOn, type ServedWarden, serveTestWarden } from './served-warden.ts';

const MEBIBYTE = 2 ** 20;

let child: ChildProcessByStdio<Writable, Readable, null>;
let place: { readonly socket: string; readonly files: string };
const open: Socket[] = [];

beforeEach(async () => {
  child = spawn(process.execPath, [join(import.meta.dirname, 'warden-process.ts')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  for await (const line of createInterface({ input: child.stdout })) {
    place = JSON.parse(line);
    break;
  }
});
afterEach(async () => {
  for (const socket of open.splice(0)) socket.destroy();
  const exit = once(child, 'exit');
  child.stdin.end();
  await exit;
});

async function connection(): Promise<Socket> {
  const socket = await rawConnection(place.socket);
  open.push(socket);
  return socket;
}

const residentBytes = (): number =>
  1024 * Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]);

/** The most memory that the warden took while something was done, above what it had. */
async function growth(work: () => Promise<void>): Promise<number> {
  const before = residentBytes();
  await work();
  return residentBytes() - before;
}

async function childrenOf(pid: number | undefined): Promise<number> {
  const threads = await readdir(`/proc/${pid}/task`);
  const lists = await Promise.all(
    threads.map((thread) => readFile(`/proc/${pid}/task/${thread}/children`, 'utf8').catch(() => '')),
  );
  return lists.join(' ').split(' ').filter(Boolean).length;
}

/** While something else happens, an honest request is answered again and again. */
async function answersDuring(server: RemoteWarden, work: Promise<unknown>): Promise<number> {
  let answered = 0;
  const state = { isOver: false };
  const over = (): void => void (state.isOver = true);
  work.then(over, over);
  while (!state.isOver) {
    expect(await server.hasDisk({ attempt: 'nobody-1' })).toBe(false);
    answered += 1;
  }
  await work;
  return answered;
}

describe('messages', () => {
  it('of 64 MiB are refused before they have come, and others are answered meanwhile', async () => {
    const server = await connectWarden(place.socket, () => {});
    const flood = async (): Promise<void> => {
      const one = await connection();
      const said = saidOn(one);
      one.write(Buffer.concat([Buffer.from(`${64 * MEBIBYTE}:`), Buffer.alloc(64 * MEBIBYTE, '[')]));
      expect(await said).toEqual([refusal('forbidden', `more than ${limits.MAX_MESSAGE_BYTES} bytes`)]);
    };
    let answered = 0;
    expect(
      await growth(async () => void (answered = await answersDuring(server, flood()))),
      // What is thrown away stays for a moment as garbage.
    ).toBeLessThan(56 * MEBIBYTE);
    expect(answered).toBeGreaterThan(0);
    await server.close();
  });

  it('that are small as text and large in memory are refused before they are read', async () => {
    const text = `[${'[],'.repeat(5 * MEBIBYTE)}0]`;
    const memory = await growth(async () => {
      const one = await connection();
      one.write(Buffer.from(`${text.length}:${text},`));
      expect(await saidOn(one)).toEqual([
        refusal('forbidden', `more than ${limits.MAX_MESSAGE_VALUES} values`),
      ]);
    });
    expect(memory).toBeLessThan(80 * MEBIBYTE);
    // Control: what the same text takes where it is read.
    const before = process.memoryUsage().heapUsed;
    const parsed: unknown = JSON.parse(text);
    expect(process.memoryUsage().heapUsed - before).toBeGreaterThan(120 * MEBIBYTE);
    expect(parsed).toBeInstanceOf(Array);
  });

  it('that never come whole, on many connections, are held up to a limit', async () => {
    const parts = 15 * MEBIBYTE;
    const refused: Message[] = [];
    const memory = await growth(async () => {
      for (let n = 0; n < 12; n += 1) {
        const one = await connection();
        void saidOn(one).then((said) => refused.push(...said));
        one.write(Buffer.from(`${limits.MAX_MESSAGE_BYTES}:`));
        one.write(Buffer.alloc(parts, ' '));
      }
      await until(() => refused.length >= 12 - limits.MAX_HELD_BYTES / limits.MAX_MESSAGE_BYTES, {
        what: 'those that are too many',
      });
    });
    for (const one of refused)
      expect(one).toEqual(refusal('forbidden', `more than ${limits.MAX_HELD_BYTES} bytes`));
    // And what is thrown away; all of them are 180 MiB.
    expect(memory).toBeLessThan(limits.MAX_HELD_BYTES + 56 * MEBIBYTE);
  });
});

describe('requests', () => {
  it('beyond the limit wait unread, and are answered in the end', async () => {
    const slow = slowly(await serveTestWarden());
    const service = await serveWarden({
      warden: slow.warden,
      socket: slow.socket,
      uid: 0,
      gid: 0,
      greeting: {},
    });
    const server = await connectWarden(slow.socket, () => {});
    const all = Promise.all(
      Array.from({ length: 1000 }, async () => await server.hasDisk({ attempt: 'a-1' })),
    );
    await until(() => slow.underWay() === limits.MAX_REQUESTS, { what: 'as many as are taken' });
    // Whoever asks for something else meanwhile is answered, and no more of them are taken.
    for (let n = 0; n < 20; n += 1) {
      const one = await rawConnection(slow.socket);
      one.write(encode({ nothing: true }));
      expect(await saidOn(one)).toEqual([refusal('forbidden', 'fits nothing')]);
    }
    expect(slow.underWay()).toBe(limits.MAX_REQUESTS);
    slow.goOn();
    expect(await all).toHaveLength(1000);
    await server.close();
    await service.close();
    await slow.close();
  });

  it('control: without the socket before it, all are under way at once', async () => {
    const slow = slowly(await serveTestWarden());
    const all = Promise.all(Array.from({ length: 1000 }, async () => await slow.warden.hasDisk()));
    expect(slow.underWay()).toBe(1000);
    slow.goOn();
    await all;
    await slow.close();
  });

  it('whose answers nobody takes are no longer read, and are answered when they are taken', async () => {
    const one = await connection();
    one.write(encode({ calls: true }));
    await once(one, 'data');
    one.pause();
    const [pieces, inPiece] = [100, 1000];
    const method = 'x'.repeat(64);
    const memory = await growth(async () => {
      for (let piece = 0; piece < pieces; piece += 1) {
        const ids = Array.from({ length: inPiece }, (_, at) => piece * inPiece + at);
        one.write(Buffer.concat(ids.map((id) => encode({ id, method, params: 0 }))));
      }
      // What the kernel and the warden take is taken; the rest stays here.
      let [length, times] = [-1, 0];
      const isStill = (): boolean => {
        times = one.writableLength === length ? times + 1 : 0;
        length = one.writableLength;
        return times > 100;
      };
      await until(isStill, { what: 'the warden to take no more' });
      expect(length).toBeGreaterThan(MEBIBYTE);
    });
    expect(memory).toBeLessThan(48 * MEBIBYTE);
    let answered = 0;
    const reader = new NetstringReader();
    one.on('data', (bytes: Buffer) => (answered += reader.push(bytes).length)).resume();
    await until(() => answered === pieces * inPiece, { timeoutMs: 60_000, what: 'all answers' });
  }, 120_000);
});

/** A warden that finds out nothing about disks before it may go on. */
function slowly(served: ServedWarden) {
  const gate = Promise.withResolvers<void>();
  let underWay = 0;
  const hasDisk = async (): Promise<boolean> => {
    underWay += 1;
    await gate.promise;
    underWay -= 1;
    return false;
  };
  return {
    warden: { ...served.warden, hasDisk },
    socket: join(served.folder, 'slow', 'socket'),
    underWay: () => underWay,
    goOn: () => gate.resolve(),
    close: async () => await served.close(),
  };
}

describe('connections', () => {
  it('beyond the limit are refused, and whoever is connected is answered', async () => {
    const server = await connectWarden(place.socket, () => {});
    for (let n = 1; n < limits.MAX_CONNECTIONS; n += 1) await connection();
    for (let n = 0; n < 3; n += 1)
      expect(await saidOn(await connection())).toEqual([
        refusal('busy', `more than ${limits.MAX_CONNECTIONS} connections`),
      ]);
    expect(await server.hasDisk({ attempt: 'nobody-1' })).toBe(false);
    expect(await server.survey()).toEqual([]);
    // When they are gone, others have their places.
    for (const socket of open.splice(0)) socket.destroy();
    await until(
      async () => {
        const one = await connection();
        one.write(encode({ nothing: true }));
        return JSON.stringify(await saidOn(one)).includes('fits nothing');
      },
      { what: 'a place' },
    );
    await server.close();
  });
});

describe('trees', () => {
  const request = {
    mode: 'read',
    from: { as: 'target', withContents: true, root: '' },
    wanted: [{ kind: 'file', path: '/large' }],
    places: [],
  } as const;

  it('beyond the limit are refused to whoever doesn’t wait, and wait where the server is honest', async () => {
    const server = await connectWarden(place.socket, () => {});
    const wanted = { ...request, from: { ...request.from, root: place.files } };
    const signal = new AbortController().signal;
    // Nobody takes what they read, so they stay.
    writeFileSync(join(place.files, 'large'), Buffer.alloc(4 * MEBIBYTE));
    const first = await Promise.all(
      Array.from({ length: limits.MAX_TREES }, async () => await server.openTree(wanted, signal)),
    );
    const raw = await connection();
    raw.write(encode(wanted));
    expect(await saidOn(raw)).toEqual([refusal('busy', `more than ${limits.MAX_TREES} trees`)]);
    const late = server.openTree(wanted, signal);
    const aborted = new AbortController();
    const given = server.openTree(wanted, aborted.signal);
    aborted.abort();
    await expect(given).rejects.toMatchObject({ code: 'canceled' });
    expect(await childrenOf(child.pid)).toBeLessThanOrEqual(limits.MAX_TREES + 1);
    await Promise.all(first.map(async (tree) => await tree.end()));
    await (await late).end();
    await server.close();
  }, 60_000);
});

function refusal(code: string, why: string): unknown {
  return { failure: { code, message: expect.stringContaining(why) } };
}

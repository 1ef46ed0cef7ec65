/** Whatever is said at the socket of a real warden: it is refused in the form of an answer, and nothing is changed by it. */
import { once } from 'node:events';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Socket } from 'node:net';
import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { netstring, NetstringReader } from '../../src/warden/netstring.ts';
import { encode } from '../../src/warden/wire/channel.ts';
import { requests } from '../../src/warden/wire/requests.ts';
import {
  attemptOf,
  type Message,
  rawConnection,
  saidOn,
  type ServedWarden,
  serveTestWarden,
} from './served-warden.ts';

const RUNS = { numRuns: 300 };
const NAMES = Object.keys(requests);
/** What looks and changes nothing is answered where its shape is met, and so is what is done for no attempt. */
const HARMLESS = new Set(['trim', 'survey', 'listImages', 'treeEnd', 'treeStop', 'sweep', 'forgetAttempts']);

let served: ServedWarden;
let calls: Socket;
let before: unknown;
const waiting = new Map<unknown, (message: Message) => void>();

beforeAll(async () => {
  served = await serveTestWarden();
  calls = await rawConnection(served.socket);
  const reader = new NetstringReader();
  calls.on('data', (bytes: Buffer) => {
    for (const text of reader.push(bytes)) {
      const message: Message = JSON.parse(text.toString('utf8'));
      waiting.get(message['id'])?.(message);
    }
  });
  calls.write(encode({ calls: true }));
  await once(calls, 'data');
  // Something that could be changed.
  expect(await ask('openAttempt', attemptOf('whole-1'))).toHaveProperty('answer');
  before = await state();
});
afterAll(async () => {
  await ask('closeAttempt', { attempt: 'whole-1' });
  calls.destroy();
  await served.close();
});

let serial = 0;
async function ask(method: unknown, params: unknown): Promise<Message> {
  serial += 1;
  const id = serial;
  const answered = new Promise<Message>((resolve) => waiting.set(id, resolve));
  calls.write(encode({ id, method, params }));
  const message = await answered;
  waiting.delete(id);
  return message;
}

/** Every file of the instance, and all that stands on the host; but for how much of a disk the kernel has written out. */
async function state(): Promise<unknown> {
  const paths = (await readdir(served.folder, { recursive: true })).toSorted();
  const files = await Promise.all(
    paths.map(async (path) => {
      const found = await stat(join(served.folder, path));
      const isCounted = found.isFile() && !path.endsWith('.img');
      return [path, found.mode, found.uid, found.gid, ...(isCounted ? [found.size, found.mtimeMs] : [])];
    }),
  );
  const traces = (await served.warden.survey()).map(({ kind, name }) => `${kind} ${name}`);
  return { files, traces: traces.toSorted() };
}

function expectRefusal(message: Message | undefined): void {
  expect(message).toMatchObject({
    failure: { code: expect.stringMatching(/^[a-z-]+$/), message: expect.stringMatching(/./) },
  });
  expect(JSON.stringify(message).length).toBeLessThan(6000);
}

it('any JSON for any request is refused', async () => {
  const name = fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...NAMES) }, fc.string({ maxLength: 64 }));
  await fc.assert(
    fc.asyncProperty(name, fc.jsonValue(), async (method, params) => {
      const message = await ask(method, params);
      if ('answer' in message) expect(HARMLESS).toContain(method);
      else expectRefusal(message);
    }),
    RUNS,
  );
  expect(await state()).toEqual(before);
});

it('a request that would do, with any one thing in it made another, changes nothing', async () => {
  const whole = attemptOf('other-1', 8);
  const places = pathsIn(whole);
  const strange = fc.oneof(
    fc.constantFrom(
      '..',
      '/',
      '/etc/../etc',
      'a\0b',
      '',
      -1,
      2 ** 60,
      1.5,
      true,
      {},
      [],
      '__proto__',
      'whole-1',
    ),
    fc.jsonValue({ maxDepth: 1 }),
  );
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...places), strange, async (place, value) => {
      const params = structuredClone(whole);
      put(params, place, value);
      const message = await ask('openAttempt', params);
      // Some of them are an attempt as well: it is closed, and as if it had never been.
      if ('answer' in message) await closed(Reflect.get(params, 'attempt'));
      else expectRefusal(message);
    }),
    RUNS,
  );
  expect(await state()).toEqual(before);
}, 120_000);

it('any bytes as frames end their own connection, with a refusal or without an answer', async () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.jsonValue().map((value) => netstring(JSON.stringify(value))),
    fc.uint8Array({ maxLength: 100 }).map((inside) => netstring(inside)),
    fc.string({ maxLength: 30 }).map((text) => Buffer.from(`${text}:`)),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(bytes, { minLength: 1, maxLength: 4 }), async (frames) => {
      const one = await rawConnection(served.socket);
      const said = saidOn(one);
      for (const frame of frames) one.write(frame);
      one.end();
      for (const message of await said) expectRefusal(message);
    }),
    RUNS,
  );
  // A server that is connected isn't concerned.
  expect(await ask('hasDisk', { attempt: 'whole-1' })).toMatchObject({ answer: true });
  expect(await state()).toEqual(before);
});

/** Every place in a value, as the names that lead to it. */
function pathsIn(value: unknown, at: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== 'object' || value === null) return [at];
  const inside = Object.entries(value).flatMap(([name, member]) => pathsIn(member, [...at, name]));
  return at.length === 0 ? inside : [at, ...inside];
}

function put(into: object, [name = '', ...rest]: readonly string[], value: unknown): void {
  const inner: unknown = Reflect.get(into, name);
  if (rest.length > 0 && typeof inner === 'object' && inner !== null) put(inner, rest, value);
  else Reflect.set(into, name, value);
}

async function closed(attempt: unknown): Promise<void> {
  expect(await ask('closeAttempt', { attempt })).toHaveProperty('answer');
  expect(await ask('forgetAttempts', { attempts: [attempt] })).toHaveProperty('answer');
}

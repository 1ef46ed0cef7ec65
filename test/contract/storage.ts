import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { BulkheadError } from '../../src/errors.ts';
import type { Entry, ReadRequest, Storage } from '../../src/storage/storage.ts';

export interface StorageUnderTest {
  readonly storage: Storage;
  /** A URL of nothing yet, below which the storage reads and writes; another one each time. */
  readonly place: () => string;
  /** One that it must not read, and one that it may read but not write. */
  readonly forbidden: string;
  readonly readOnly: string;
  /** Directories are something that this storage has. */
  readonly hasDirectories: boolean;
}

/** What staging relies on, whichever scheme a URL has. */
export function storageContract(name: string, create: () => Promise<StorageUnderTest>): void {
  describe(`the contract of a storage, kept by ${name}`, () => {
    test.each([0, 1, 65_536, 2_500_001])('%d bytes come back as they were written', async (length) => {
      const { storage, place } = await create();
      const url = place();
      const bytes = Buffer.alloc(length, 'a\0\u00ffz');
      const written = await storage.write(request(url, [file('', bytes)]));
      expect(written).toEqual([{ url, path: '', sizeBytes: length }]);
      const [entry, ...others] = await readAll(storage, url, 'FILE');
      expect(others).toEqual([]);
      expect(entry).toMatchObject({ path: '', type: 'file' });
      expect(entry?.bytes.equals(bytes)).toBe(true);
    });

    test('a size that is not known beforehand is found out', async () => {
      const { storage, place } = await create();
      const url = place();
      const unsized = { ...file('', Buffer.from('some text')), sizeBytes: null };
      expect(await storage.write(request(url, [unsized]))).toEqual([{ url, path: '', sizeBytes: 9 }]);
    });

    test('entries below a URL are reported each with its own URL, which reads it', async () => {
      const { storage, place } = await create();
      const url = place();
      const paths = ['a.txt', 'deep/er/b.txt', 'odd name %?#é.txt'];
      const written = await storage.write(
        request(
          url,
          paths.map((path) => file(path, Buffer.from(path))),
        ),
      );
      expect(written.map(({ path }) => path)).toEqual(paths);
      for (const one of written) {
        const [entry] = await readAll(storage, one.url, 'any');
        expect(entry?.bytes.toString()).toBe(one.path);
      }
    });

    test('what is there is replaced', async () => {
      const { storage, place } = await create();
      const url = place();
      for (const content of ['the first, longer one', 'second']) {
        await storage.write(request(url, [file('', Buffer.from(content))]));
        expect((await readAll(storage, url, 'FILE'))[0]?.bytes.toString()).toBe(content);
      }
    });

    test('nothing is written for no entries', async () => {
      const { storage, place } = await create();
      const url = place();
      expect(await storage.write(request(url, []))).toEqual([]);
      await expect(readAll(storage, url, 'any')).rejects.toMatchObject({ code: 'storage-not-found' });
    });

    test('a directory comes with all that is in it, or is refused where there are none', async () => {
      const { storage, place, hasDirectories } = await create();
      const url = place();
      await storage.write(request(url, [directory('empty'), file('sub/x', Buffer.from('x'))]));
      if (!hasDirectories) {
        await expect(readAll(storage, url, 'DIRECTORY')).rejects.toMatchObject({
          code: 'storage-unsupported',
        });
        return;
      }
      const found = (await readAll(storage, url, 'DIRECTORY')).map(({ path, type }) => [path, type]);
      expect(found).toEqual([
        ['', 'directory'],
        ['empty', 'directory'],
        ['sub', 'directory'],
        ['sub/x', 'file'],
      ]);
      await expect(readAll(storage, url, 'FILE')).rejects.toMatchObject({ code: 'storage-failed' });
    });

    test('what is not there, and what may not be used, is told of by code', async () => {
      const { storage, place, forbidden, readOnly } = await create();
      await expect(readAll(storage, place(), 'any')).rejects.toMatchObject({ code: 'storage-not-found' });
      await expect(readAll(storage, forbidden, 'any')).rejects.toMatchObject({ code: 'storage-denied' });
      for (const url of [forbidden, readOnly]) {
        const writing = storage.write(request(url, [file('', Buffer.from('x'))]));
        await expect(writing).rejects.toMatchObject({ code: 'storage-denied' });
      }
    });

    test('a source that fails is what the write throws, and nothing is there', async () => {
      const { storage, place } = await create();
      const url = place();
      const broken = {
        ...file('', Buffer.alloc(0)),
        sizeBytes: 1_000_000,
        body: Readable.from(breaking(), { objectMode: false }),
      };
      await expect(storage.write(request(url, [broken]))).rejects.toThrow('the source broke');
      await expect(readAll(storage, url, 'any')).rejects.toMatchObject({ code: 'storage-not-found' });
    });

    test('a read that is given up in the middle, and one that is canceled, end at once', async () => {
      const { storage, place } = await create();
      const url = place();
      await storage.write(request(url, [file('', Buffer.alloc(8_000_000))]));
      for await (const { body } of storage.read(reading(url, 'any'))) {
        expect(body).toBeDefined();
        break;
      }
      const controller = new AbortController();
      controller.abort();
      const canceled = readAll(storage, url, 'any', controller.signal);
      await expect(canceled).rejects.toMatchObject({ code: 'canceled' });
      expect((await readAll(storage, url, 'any'))[0]?.bytes.length).toBe(8_000_000);
    });

    test('a name has nothing to say about where it is written', async () => {
      const { storage, place } = await create();
      const url = place();
      await storage.write(request(`${url}/a`, [file('b/c', Buffer.from('here'))]));
      const climbing = storage.write(request(`${url}/a/b`, [file('../b/c', Buffer.from('climbed'))]));
      await expect(climbing).rejects.toMatchObject({ code: 'storage-denied' });
      const [entry] = await readAll(storage, `${url}/a/b/c`, 'any');
      expect(entry?.bytes.toString()).toBe('here');
    });
  });
}

const signal = new AbortController().signal;

function reading(url: string, type: ReadRequest['type'], given: AbortSignal = signal): ReadRequest {
  return { url, type, owner: 'alice', signal: given };
}

function request(url: string, entries: readonly Entry[]): Parameters<Storage['write']>[0] {
  return { url, owner: 'alice', entries: Readable.from(entries), signal };
}

async function readAll(
  storage: Storage,
  url: string,
  type: ReadRequest['type'],
  given?: AbortSignal,
): Promise<{ path: string; type: string; bytes: Buffer }[]> {
  const found: { path: string; type: string; bytes: Buffer }[] = [];
  for await (const entry of storage.read(reading(url, type, given))) {
    const bytes = entry.body === undefined ? Buffer.alloc(0) : await buffer(entry.body);
    found.push({ path: entry.path, type: entry.type, bytes });
  }
  return found;
}

function file(path: string, bytes: Buffer): Entry {
  const body = Readable.from(bytes.length === 0 ? [] : [bytes], { objectMode: false });
  return { path, type: 'file', sizeBytes: bytes.length, mode: 0o644, body };
}

function directory(path: string): Entry {
  return { path, type: 'directory', sizeBytes: null, mode: 0o755 };
}

async function* breaking(): AsyncGenerator<Buffer> {
  yield Buffer.alloc(100_000);
  throw new BulkheadError('storage-failed', 'the source broke');
}

import { once } from 'node:events';
import { type IncomingMessage, type RequestListener, type ServerResponse, createServer } from 'node:http';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, expect, onTestFinished, test } from 'vitest';
import { storageContract } from '../../test/contract/storage.ts';
import { type HttpStorage, type HttpStorageOptions, createHttpStorage } from './http.ts';

const { signal } = new AbortController();

/** A real server on the loopback; its `host:port`. */
async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  return `127.0.0.1:${address.port}`;
}

function open(options: Partial<HttpStorageOptions> = {}): HttpStorage {
  const storage = createHttpStorage({
    allowPrivate: ['127.0.0.0/8'],
    maxBytes: 10_000_000,
    idleMs: 5000,
    retryMs: 1,
    ...options,
  });
  onTestFinished(() => storage.close());
  return storage;
}

async function fetched(storage: HttpStorage, url: string): Promise<string> {
  for await (const { body } of storage.read({ url, type: 'any', owner: 'o', signal }))
    if (body) return (await buffer(body)).toString();
  throw new Error('nothing was read');
}

/** Keeps what is PUT, and gives it back. */
function shelf(): RequestListener {
  const kept = new Map<string, Buffer>();
  return (request, response) => {
    const url = request.url ?? '';
    if (request.method === 'GET') {
      const found = kept.get(url);
      response.writeHead(found ? 200 : 404, { 'content-length': found?.length ?? 0 }).end(found);
      return;
    }
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      kept.set(url, Buffer.concat(parts));
      response.writeHead(201).end();
    });
  };
}

storageContract('http:// URLs', async () => {
  const origin = `http://${await serve(shelf())}`;
  let places = 0;
  return {
    storage: open({ writable: [`${origin}/open/`] }),
    place: () => `${origin}/open/${(places += 1)}`,
    forbidden: 'http://192.168.0.1/x',
    readOnly: `${origin}/other/x`,
    hasDirectories: false,
  };
});

function answer(status: number, headers: Readonly<Record<string, string>> = {}, body = ''): RequestListener {
  return (_, response) => response.writeHead(status, headers).end(body);
}

describe('the address of a server', () => {
  test.each(['127.0.0.1', 'localhost', '[::ffff:127.0.0.1]', '2130706433', '0x7f.1', '0177.0.0.1', '127.1'])(
    'that is the loopback, written %s, is refused unless the site lists it',
    async (host) => {
      const port = (await serve(answer(200, {}, 'secret of this host'))).split(':')[1];
      const url = `http://${host}:${port}/`;
      const refused = fetched(open({ allowPrivate: [] }), url);
      await expect(refused).rejects.toMatchObject({ code: 'storage-denied' });
      await expect(refused).rejects.toThrow('must not be reached');
      // The control: listed, it is served.
      expect(await fetched(open({ allowPrivate: ['127.0.0.0/8'], resolve: toLoopback }), url)).toBe(
        'secret of this host',
      );
    },
  );

  test('a name is judged by what it resolves to, and only that is connected to', async () => {
    const address = await serve(answer(200, {}, 'inside'));
    const url = `http://public.example:${address.split(':')[1]}/`;
    await expect(fetched(open({ allowPrivate: [], resolve: toLoopback }), url)).rejects.toThrow(
      '127.0.0.1 is not public (loopback)',
    );
    const answers = [['127.0.0.1'], ['8.8.8.8']];
    let asked = 0;
    const rebinding = async (): Promise<readonly string[]> => answers[asked++] ?? [];
    const storage = open({ allowPrivate: ['127.0.0.1'], resolve: rebinding });
    expect(await fetched(storage, url)).toBe('inside');
    expect(asked).toBe(1);
  });

  test('a host that the site lists with its port may be anywhere, and only at that port', async () => {
    const [listed, other] = [await serve(answer(200, {}, 'listed')), await serve(answer(200, {}, 'other'))];
    const storage = open({ allowPrivate: [insideName(listed)], resolve: toLoopback });
    expect(await fetched(storage, `http://${insideName(listed)}/`)).toBe('listed');
    await expect(fetched(storage, `http://${insideName(other)}/`)).rejects.toMatchObject({
      code: 'storage-denied',
    });
  });
});

function insideName(address: string): string {
  return `inside.example:${address.split(':')[1]}`;
}

const toLoopback = async (): Promise<readonly string[]> => ['127.0.0.1'];

describe('a redirect', () => {
  test('is followed, relative ones too, but not for ever', async () => {
    const address = await serve(({ url }, response) => {
      const left = Number(url?.slice(1));
      if (left === 0) response.end('arrived');
      else response.writeHead(302, { location: `./${left - 1}` }).end();
    });
    expect(await fetched(open(), `http://${address}/5`)).toBe('arrived');
    await expect(fetched(open(), `http://${address}/6`)).rejects.toThrow('redirects more than 5 times');
  });

  test('to an address that must not be reached is refused', async () => {
    const inside = await serve(answer(200, {}, 'metadata'));
    const outside = await serve(answer(302, { location: `http://${inside}/latest/meta-data` }));
    const narrow = open({ allowPrivate: [outside] });
    await expect(fetched(narrow, `http://${outside}/`)).rejects.toMatchObject({ code: 'storage-denied' });
    expect(await fetched(open(), `http://${outside}/`)).toBe('metadata');
  });

  test.each(['file:///etc/passwd', 'ftp://127.0.0.1/x'])('to %s is refused', async (location) => {
    const address = await serve(answer(302, { location }));
    await expect(fetched(open(), `http://${address}/`)).rejects.toThrow('redirects to a');
  });

  test('takes no credentials to another origin', async () => {
    const seen: (string | undefined)[] = [];
    const see = ({ headers }: IncomingMessage, response: ServerResponse): void => {
      seen.push(headers.authorization);
      response.end('there');
    };
    const other = await serve(see);
    const own = await serve((request, response) => {
      if (request.url === '/there') return see(request, response);
      const location = request.url === '/own' ? '/there' : `http://${other}/`;
      return response.writeHead(307, { location }).end();
    });
    await fetched(open(), `http://alice:p%40ss@${own}/own`);
    await fetched(open(), `http://alice:p%40ss@${own}/other`);
    expect(seen).toEqual([`Basic ${Buffer.from('alice:p@ss').toString('base64')}`, undefined]);
  });
});

describe('a transfer', () => {
  test.each([
    [404, 'storage-not-found', 1],
    [410, 'storage-not-found', 1],
    [401, 'storage-denied', 1],
    [403, 'storage-denied', 1],
    [400, 'storage-failed', 1],
    [206, 'storage-failed', 1],
    [503, 'storage-failed', 4],
    [429, 'storage-failed', 4],
  ])('answered with %d fails as %s after %d tries', async (status, code, tries) => {
    let asked = 0;
    const address = await serve((_, response) => {
      asked += 1;
      response.writeHead(status).end();
    });
    const failure = fetched(open(), `http://alice:secret@${address}/p?X-Signature=secret`);
    await expect(failure).rejects.toMatchObject({ code });
    await expect(failure).rejects.toThrow(`GET http://${address}/p?… answered with status ${status}`);
    expect(asked).toBe(tries);
  });

  test('is tried again where the server was in trouble before its first byte', async () => {
    let asked = 0;
    const address = await serve(({ socket }, response) => {
      asked += 1;
      if (asked === 1) socket.destroy();
      else if (asked === 2) response.writeHead(503).end();
      else response.end('at last');
    });
    expect(await fetched(open(), `http://${address}/`)).toBe('at last');
  });

  test('that breaks off after its first byte is not taken for a whole one, nor begun again', async () => {
    let asked = 0;
    const address = await serve((_, response) => {
      asked += 1;
      response.writeHead(200, { 'content-length': '1000' });
      response.write('half');
      setImmediate(() => response.destroy());
    });
    await expect(fetched(open(), `http://${address}/`)).rejects.toMatchObject({ code: 'storage-failed' });
    expect(asked).toBe(1);
  });

  test.each([true, false])('larger than the limit is refused (size told beforehand: %s)', async (isTold) => {
    const address = await serve((_, response) => {
      if (isTold) response.setHeader('content-length', 2000);
      response.write('x'.repeat(1000));
      response.end('x'.repeat(1000));
    });
    expect(await fetched(open({ maxBytes: 2000 }), `http://${address}/`)).toHaveLength(2000);
    await expect(fetched(open({ maxBytes: 1999 }), `http://${address}/`)).rejects.toThrow(
      'is larger than 1999 bytes, the limit of storage.http.max_bytes',
    );
  });

  test('in which nothing arrives ends after the time', async () => {
    const address = await serve((_, response) => void response.write('first'));
    await expect(fetched(open({ idleMs: 100 }), `http://${address}/`)).rejects.toMatchObject({
      code: 'storage-failed',
    });
  });

  test('of nobody who listens says so', async () => {
    await expect(fetched(open(), 'http://127.0.0.1:1/')).rejects.toThrow('ECONNREFUSED');
  });

  test('that is canceled while it runs says so', async () => {
    const controller = new AbortController();
    const address = await serve((_, response) => {
      response.write('first');
      controller.abort();
    });
    const reading = async (): Promise<void> => {
      const request = {
        url: `http://${address}/`,
        type: 'any',
        owner: 'o',
        signal: controller.signal,
      } as const;
      for await (const { body } of open().read(request)) if (body) await buffer(body);
    };
    await expect(reading()).rejects.toMatchObject({ code: 'canceled' });
  });

  test('of content that is compressed gives the bytes as they are', async () => {
    const address = await serve(answer(200, { 'content-encoding': 'gzip' }, 'these are no gzip'));
    expect(await fetched(open(), `http://${address}/reads.fastq.gz`)).toBe('these are no gzip');
  });
});

describe('an output', () => {
  test('goes to what the site lists alone, however the URL is written', async () => {
    const seen: string[] = [];
    const address = await serve((request, response) => {
      seen.push(request.url ?? '');
      request.resume().on('end', () => response.end());
    });
    const storage = open({ writable: [`http://${address}/open`] });
    await put(storage, `http://${address}/open/x`);
    for (const path of ['/openly/x', '/open/../x', '/open/%2e%2e/x', '/', '/x'])
      await expect(put(storage, `http://${address}${path}`)).rejects.toMatchObject({
        code: 'storage-denied',
      });
    await expect(put(open(), `http://${address}/open/x`)).rejects.toThrow('it has none');
    expect(seen).toEqual(['/open/x']);
  });

  test.each([404, 500, 302])('that is answered with %d has failed, and is not sent again', async (status) => {
    let asked = 0;
    const address = await serve((request, response) => {
      asked += 1;
      request.resume().on('end', () => response.writeHead(status, { location: '/other' }).end());
    });
    const failure = put(open({ writable: [`http://${address}/`] }), `http://${address}/x`);
    await expect(failure).rejects.toMatchObject({ code: 'storage-failed' });
    expect(asked).toBe(1);
  });

  test('that is shorter than it said has failed', async () => {
    const address = await serve(shelf());
    const storage = open({ writable: [`http://${address}/`] });
    await expect(put(storage, `http://${address}/x`, 5)).rejects.toMatchObject({ code: 'storage-failed' });
  });
});

async function put(storage: HttpStorage, url: string, sizeBytes: number | null = 4): Promise<unknown> {
  const body = Readable.from([Buffer.from('data')], { objectMode: false });
  const entries = Readable.from([{ path: '', type: 'file', sizeBytes, mode: 0o644, body }]);
  return storage.write({ url, owner: 'o', entries, signal });
}

import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import {
  createServer as createHttpServer,
  request,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { busyboxLayout } from './fixtures/images.ts';
import { writeIndex, writeLayout, writeNestedIndex } from './fixtures/layouts.ts';
import {
  NEVER,
  newProvider,
  type ProviderChanges,
  temporaryFolder,
  type TestProvider,
} from './fixtures/provider.ts';
import { makeCertificates, READER, type Registry, startRegistry } from './fixtures/registry.ts';
import { until } from './poll.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let registry: Registry;
let busybox: string;
let serial = 0;

beforeAll(async () => {
  folder = await temporaryFolder();
  await mkdir(folder.at('registry'));
  registry = await startRegistry({ folder: folder.at('registry') });
  busybox = join(await busyboxLayout(), 'busybox');
});

afterAll(async () => {
  await registry[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

/** With the shared registry spoken to by plain HTTP, unless changed. */
function provider(changes: ProviderChanges = {}): Promise<TestProvider> {
  serial += 1;
  return newProvider(folder.at(`store-${serial}`), {
    registries: [{ prefix: registry.host, plainHttp: true }],
    ...changes,
  });
}

async function pull(
  images: TestProvider,
  reference: string,
): Promise<{ digest: string; hello: string; messages: string[] }> {
  const messages: string[] = [];
  const image = await images.resolve(reference, NEVER);
  const { digest } = image;
  await images.acquire(image, (message) => messages.push(message), NEVER);
  const { rootfs } = images.root(digest);
  images.release(digest);
  return { digest, hello: await readFile(join(rootfs, 'hello'), 'utf8').catch(() => ''), messages };
}

async function hello(name: string, text: string): Promise<string> {
  const layout = folder.at(`layout-${name}`);
  await writeLayout(layout, [{ names: ['latest'], layers: [[{ path: 'hello', content: text }]] }]);
  return layout;
}

describe('a registry', () => {
  it('gives an image with the digest that it has there', async () => {
    const digest = await registry.push(busybox, 'user', 'a/busybox:1');
    const images = await provider();
    const image = await images.resolve(`${registry.host}/a/busybox:1`, NEVER);
    expect(image).toEqual({
      reference: `${registry.host}/a/busybox:1`,
      digest,
      source: { kind: 'registry', host: registry.host },
      config: {
        user: '1000:1000',
        env: [expect.stringMatching(/^PATH=/), 'HELLO=image'],
        workdir: '/home/user',
      },
    });
    await images.acquire(image, () => {}, NEVER);
    expect(await readdir(join(images.root(digest).rootfs, 'bin'))).toContain('busybox');
  });

  it("reports the registry's digest of an image in Docker's schema, where a copy to OCI has another", async () => {
    const digest = await registry.push(busybox, 'latest', 'a/schema2', ['--format', 'v2s2']);
    const images = await provider();
    expect((await pull(images, `${registry.host}/a/schema2`)).digest).toBe(digest);
    // Control: what converting tools would report.
    const oci = folder.at('converted');
    await promisify(execFile)('skopeo', [
      'copy',
      '-q',
      '--insecure-policy',
      '--src-tls-verify=false',
      `docker://${registry.host}/a/schema2`,
      `oci:${oci}:x`,
    ]);
    const index: { manifests: { digest: string }[] } = JSON.parse(
      await readFile(join(oci, 'index.json'), 'utf8'),
    );
    expect(index.manifests[0]?.digest).not.toBe(digest);
  });

  it('is asked by digest, with or without a tag', async () => {
    const digest = await registry.push(await hello('digest', 'by digest'), 'latest', 'a/digest:1');
    const images = await provider();
    expect((await pull(images, `${registry.host}/a/digest@${digest}`)).hello).toBe('by digest');
    expect((await pull(images, `${registry.host}/a/digest:other@${digest}`)).digest).toBe(digest);
  });

  it('is not asked again for a digest that it answered; a tag is asked for each time', async () => {
    const layout = await hello('known', 'known');
    const digest = await registry.push(layout, 'latest', 'a/known:1');
    const images = await provider();
    const known = await images.resolve(`${registry.host}/a/known@${digest}`, NEVER);
    await images.resolve(`${registry.host}/a/known:1`, NEVER);
    const repository = 'docker/registry/v2/repositories/a/known';
    await rm(folder.at('registry', 'data', repository), { recursive: true });
    expect(await images.resolve(`${registry.host}/a/known@${digest}`, NEVER)).toEqual(known);
    await expect(images.resolve(`${registry.host}/a/known:1`, NEVER)).rejects.toThrow(/a\/known:1/);
    // Control: who hasn't asked before.
    const others = await provider();
    await expect(others.resolve(`${registry.host}/a/known@${digest}`, NEVER)).rejects.toThrow(/a\/known/);
  });

  it('has a tag that moves: what was resolved stays what runs', async () => {
    const name = 'a/moving';
    await registry.push(await hello('first', 'first'), 'latest', name);
    const images = await provider();
    const first = await images.resolve(`${registry.host}/${name}`, NEVER);
    const moved = await registry.push(await hello('second', 'second'), 'latest', name);
    await images.acquire(first, () => {}, NEVER);
    const { rootfs } = images.root(first.digest);
    expect(await readFile(join(rootfs, 'hello'), 'utf8')).toBe('first');
    expect(await pull(images, `${registry.host}/${name}`)).toMatchObject({ digest: moved, hello: 'second' });
  });

  it('has an index, out of which this machine takes its own', async () => {
    const layout = folder.at('multi');
    const specs = (['arm64', 'amd64'] as const).map((architecture) => ({
      names: [],
      architecture,
      layers: [[{ path: 'hello', content: architecture }]],
    }));
    const nested = await writeNestedIndex(layout, specs);
    await writeIndex(layout, [{ ...nested, annotations: { 'org.opencontainers.image.ref.name': 'latest' } }]);
    const indexDigest = await registry.push(layout, 'latest', 'a/multi', ['--all']);
    const images = await provider();
    const { digest, hello: text } = await pull(images, `${registry.host}/a/multi`);
    expect([text, digest === indexDigest]).toEqual(['amd64', false]);
    expect((await pull(images, `${registry.host}/a/multi@${indexDigest}`)).digest).toBe(digest);
  });

  it('has an image of another machine only: the error names it', async () => {
    await registry.push(busybox, 'arm64', 'a/arm');
    await expect((await provider()).resolve(`${registry.host}/a/arm`, NEVER)).rejects.toMatchObject({
      code: 'image-platform',
      message: expect.stringMatching(
        /a\/arm:latest is there for linux\/arm64; this machine runs linux\/amd64/,
      ),
    });
  });

  it.each(['a/busybox:missing', 'missing/altogether', `a/busybox@sha256:${'0'.repeat(64)}`])(
    'has no %s',
    async (name) => {
      await registry.push(busybox, 'user', 'a/busybox:1');
      await expect((await provider()).resolve(`${registry.host}/${name}`, NEVER)).rejects.toMatchObject({
        code: 'image-not-found',
        message: expect.stringContaining(`The registry ${registry.host} has no image`),
      });
    },
  );
});

describe('how a registry is reached', () => {
  it('never by plain HTTP unless configured, whatever the home of the server says', async () => {
    await registry.push(await hello('plain', 'plain'), 'latest', 'a/plain');
    const home = folder.at('home');
    await mkdir(join(home, '.config', 'containers'), { recursive: true });
    const conf = `[[registry]]\nprefix = "${registry.host}"\nlocation = "${registry.host}"\ninsecure = true\n`;
    await writeFile(join(home, '.config', 'containers', 'registries.conf'), conf);
    await writeFile(
      join(home, '.config', 'containers', 'policy.json'),
      '{"default":[{"type":"insecureAcceptAnything"}]}',
    );
    const reference = `${registry.host}/a/plain`;
    // Control: skopeo with that home does it.
    await promisify(execFile)('skopeo', ['inspect', '--raw', `docker://${reference}`], {
      env: { PATH: process.env['PATH'], HOME: home },
    });

    const strict = await provider({
      registries: [],
      environment: {
        HOME: home,
        CONTAINERS_REGISTRIES_CONF: join(home, '.config', 'containers', 'registries.conf'),
      },
    });
    await expect(strict.resolve(reference, NEVER)).rejects.toMatchObject({
      code: 'registry',
      message: expect.stringMatching(/doesn't speak TLS.*plain_http/),
    });
    expect((await pull(await provider(), reference)).hello).toBe('plain');
  });

  it('by TLS with an authority of its own, and not without that', async () => {
    await mkdir(folder.at('tls'));
    const { ca, ...tls } = await makeCertificates(folder.at('tls'));
    await using secure = await startRegistry({ folder: folder.at('tls'), tls });
    await secure.push(await hello('tls', 'by TLS'), 'latest', 'a/tls');
    const reference = `${secure.host}/a/tls`;
    expect(
      (await pull(await provider({ registries: [{ prefix: secure.host, caFile: ca }] }), reference)).hello,
    ).toBe('by TLS');
    await expect((await provider({ registries: [] })).resolve(reference, NEVER)).rejects.toMatchObject({
      code: 'registry',
      message: expect.stringMatching(
        new RegExp(`${secure.host} has a certificate that isn't trusted.*ca_file`),
      ),
    });
  });

  it('with credentials from the auth file, and not without', async () => {
    await mkdir(folder.at('private'));
    await using closed = await startRegistry({ folder: folder.at('private'), isPrivate: true });
    await closed.push(await hello('private', 'for readers'), 'latest', 'a/private');
    const registries = [{ prefix: closed.host, plainHttp: true }];
    const auth = Buffer.from(`${READER.name}:${READER.password}`).toString('base64');
    await writeFile(folder.at('auth.json'), JSON.stringify({ auths: { [closed.host]: { auth } } }));
    const reference = `${closed.host}/a/private`;
    expect(
      (await pull(await provider({ registries, authFile: folder.at('auth.json') }), reference)).hello,
    ).toBe('for readers');
    await expect((await provider({ registries })).resolve(reference, NEVER)).rejects.toMatchObject({
      code: 'registry',
      message: expect.stringMatching(/refuses .*a\/private.*auth_file/),
    });
  });

  it.each(['missing', 'no JSON'])(
    'not with an auth file that is %s: the server does not start',
    async (what) => {
      const authFile = folder.at(what);
      if (what !== 'missing') await writeFile(authFile, 'reader:secret');
      await expect(provider({ authFile })).rejects.toMatchObject({
        code: 'config',
        message: expect.stringContaining('images.auth_file'),
      });
    },
  );

  it('by a mirror first, else itself', async () => {
    await mkdir(folder.at('main'));
    await using main = await startRegistry({ folder: folder.at('main') });
    await registry.push(await hello('mirror', 'of the mirror'), 'latest', 'hub/library/both');
    await main.push(await hello('main', 'of the registry'), 'latest', 'library/both');
    await main.push(await hello('main', 'of the registry'), 'latest', 'library/only');
    const mirrors = [{ location: `${registry.host}/hub`, plainHttp: true }];
    const images = await provider({
      registries: [{ prefix: 'docker.io', location: main.host, plainHttp: true, mirrors }],
    });
    expect((await images.resolve('both', NEVER)).reference).toBe('docker.io/library/both:latest');
    expect((await pull(images, 'both')).hello).toBe('of the mirror');
    expect((await pull(images, 'only')).hello).toBe('of the registry');
  });

  it('at the place that its prefix is rewritten to, the longest prefix first', async () => {
    await registry.push(await hello('rewritten', 'elsewhere'), 'latest', 'team/x/tool');
    const location = `${registry.host}/team/x`;
    const images = await provider({
      registries: [{ prefix: 'quay.example' }, { prefix: 'quay.example/bio', location, plainHttp: true }],
    });
    expect((await pull(images, 'quay.example/bio/tool')).hello).toBe('elsewhere');
  });

  it('not at all where only listed ones are allowed', async () => {
    const images = await provider({
      onlyListedRegistries: true,
      registries: [{ prefix: `${registry.host}/a`, plainHttp: true }],
    });
    await registry.push(await hello('listed', 'listed'), 'latest', 'a/listed');
    expect((await pull(images, `${registry.host}/a/listed`)).hello).toBe('listed');
    await expect(images.resolve(`${registry.host}/b/x`, NEVER)).rejects.toMatchObject({
      code: 'registry',
      message: expect.stringContaining('takes no image from'),
    });
  });

  it('only where no layout has the image', async () => {
    const layouts = folder.at('layouts');
    await writeLayout(join(layouts, 'any'), [
      { names: [`${registry.host}/a/local:1`], layers: [[{ path: 'hello', content: 'of the layout' }]] },
    ]);
    await registry.push(await hello('remote', 'of the registry'), 'latest', 'a/local:1');
    await registry.push(await hello('remote', 'of the registry'), 'latest', 'a/local:2');
    const images = await provider({ layouts: [layouts] });
    expect((await pull(images, `${registry.host}/a/local:1`)).hello).toBe('of the layout');
    expect((await pull(images, `${registry.host}/a/local:2`)).hello).toBe('of the registry');
  });
});

describe('a registry that misbehaves', () => {
  it('refuses the connection', async () => {
    await expect((await provider()).resolve('127.0.0.1:1/x', NEVER)).rejects.toMatchObject({
      code: 'registry',
      message: expect.stringMatching(
        /The registry 127\.0\.0\.1:1 can't be reached: it refuses the connection/,
      ),
    });
  });

  it('never answers: given up after the time, or at once when canceled, with no process left', async () => {
    const silent = createServer(() => {}).listen(0, '127.0.0.1');
    await until(() => silent.listening, { what: 'the silent server' });
    const host = `127.0.0.1:${portOf(silent)}`;
    const images = await provider({ limits: { requestTimeoutMs: 300 } });
    await expect(images.resolve(`${host}/x`, NEVER)).rejects.toMatchObject({
      code: 'registry',
      message: `The registry ${host} didn't answer within 300 ms. (No layout of images.layouts has it either.)`,
    });

    const patient = await provider();
    const controller = new AbortController();
    const waiting = patient.resolve(`${host}/y`, controller.signal);
    await until(async () => (await skopeos(host)).length > 0, { what: 'skopeo to start' });
    controller.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'canceled' });
    await until(async () => (await skopeos(host)).length === 0, { what: 'skopeo to end' });
    silent.close();
  });

  it('stops in the middle of a layer: progress was told, the pull is given up, nothing stays in the store', async () => {
    const big = folder.at('layout-big');
    await writeLayout(big, [
      {
        names: ['latest'],
        compression: 'none',
        layers: [
          [{ path: 'hello', content: 'x' }],
          [{ path: 'big', content: Buffer.alloc(3 * 2 ** 20, 'y') }],
        ],
      },
    ]);
    await registry.push(big, 'latest', 'a/big', [
      '--dest-compress-format',
      'gzip',
      '--dest-compress-level',
      '1',
    ]);
    await using proxy = await startProxy((path, incoming, response) => {
      if (!path.includes('/blobs/')) return false;
      if (Number(incoming.headers['content-length']) < 2_000) return false;
      response.writeHead(200, incoming.headers);
      incoming.once('data', (chunk: Buffer) => response.write(chunk.subarray(0, 1_000)));
      return true;
    });
    const images = await provider({
      registries: [{ prefix: proxy.host, plainHttp: true }],
      limits: { stallTimeoutMs: 1_500 },
    });
    const image = await images.resolve(`${proxy.host}/a/big`, NEVER);
    const messages: string[] = [];
    await expect(images.acquire(image, (message) => messages.push(message), NEVER)).rejects.toMatchObject({
      code: 'registry',
      message: `The registry ${proxy.host} sent nothing of ${proxy.host}/a/big:latest for 1500 ms.`,
    });
    expect(messages).toContainEqual(expect.stringMatching(/^layer 2 of 2, 0 of 1 MiB$/));
    expect(await readdir(folder.at(`store-${serial}`, 'work'))).toEqual([]);
    expect(await readdir(folder.at(`store-${serial}`, 'roots'))).toEqual([]);
  });

  it.each(['manifests', 'blobs'])('sends other %s than their digest says', async (kind) => {
    await registry.push(await hello('honest', 'honest'), 'latest', 'a/honest');
    const [{ digest }] = [await (await provider()).resolve(`${registry.host}/a/honest`, NEVER)];
    await using proxy = await startProxy((path, incoming, response) => {
      if (!path.includes(`/${kind}/sha256:`)) return false;
      incoming.resume();
      response
        .writeHead(200, { 'content-type': incoming.headers['content-type'] })
        .end('{"schemaVersion":2}');
      return true;
    });
    const images = await provider({ registries: [{ prefix: proxy.host, plainHttp: true }] });
    await expect(images.resolve(`${proxy.host}/a/honest@${digest}`, NEVER)).rejects.toMatchObject({
      code: expect.stringMatching(/^(?:registry|image-invalid)$/),
    });
  });
});

/** skopeo processes that were told of this text; ours, since the port is. */
async function skopeos(text: string): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(
    pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')),
  );
  return lines.filter((line) => /^(?:setpriv\0.*)?skopeo\0/.test(line) && line.includes(text));
}

/** Stands before the shared registry; `meddle` answers a response itself where it returns true. */
async function startProxy(
  meddle: (path: string, incoming: IncomingMessage, response: ServerResponse) => boolean,
): Promise<AsyncDisposable & { readonly host: string }> {
  const server = createHttpServer((incoming, response) => {
    const path = incoming.url ?? '/';
    const onward = request(
      `http://${registry.host}${path}`,
      { method: incoming.method, headers: incoming.headers },
      (answer) => {
        if (meddle(path, answer, response)) return;
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      },
    );
    incoming.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    host: `127.0.0.1:${portOf(server)}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  return address.port;
}

import { Readable } from 'node:stream';
import { BulkheadError } from '../errors.ts';
import { printable } from '../printable.ts';
import { parseAllowed } from './addresses.ts';
import { type Resolve, createAgent, resolveByHost } from './http/agent.ts';
import { type ExchangeOptions, get, put } from './http/exchange.ts';
import { failureOf } from './http/failure.ts';
import { httpLocation, shownUrl } from './http/location.ts';
import { appendPath } from './location.ts';
import type { Entry, Storage, Written } from './storage.ts';

export interface HttpStorageOptions {
  /** `host:port`, an address or a range (CIDR) that may be reached although it isn't public. */
  readonly allowPrivate: readonly string[];
  /** Largest file that is fetched, in bytes. */
  readonly maxBytes: number;
  /** A transfer in which nothing arrives for so long has failed; milliseconds. */
  readonly idleMs: number;
  /** Beginnings of URLs below which outputs may be PUT; none by default, since an output can carry anything away. */
  readonly writable?: readonly string[];
  readonly resolve?: Resolve;
  readonly retryMs?: number;
  /** Certificates to trust besides the usual, PEM. */
  readonly ca?: string;
}

export interface HttpStorage extends Storage {
  close(): Promise<void>;
}

/** `http://` and `https://` URLs: single files by GET, and by PUT where the site allows it. */
export function createHttpStorage(options: HttpStorageOptions): HttpStorage {
  const { maxBytes, idleMs, resolve = resolveByHost, retryMs = 250, ca } = options;
  const allowed = parseAllowed(options.allowPrivate);
  const agent = createAgent({ allowed, idleMs, resolve, ...(ca === undefined ? {} : { ca }) });
  const writable = (options.writable ?? []).map((prefix) => httpLocation(prefix).url);

  return {
    schemes: ['http', 'https'],
    advertised: writable.map(String),
    async *read({ url, type, signal }) {
      if (type === 'DIRECTORY')
        throw new BulkheadError('storage-unsupported', 'http has no directories: name each file');
      yield await fetchFile(url, { agent, retryMs, signal }, maxBytes);
    },
    async write({ url, entries, signal }) {
      const written: Written[] = [];
      for await (const entry of entries) {
        if (entry.type === 'directory' || entry.body === undefined) continue;
        if (entry.path.split('/').includes('..'))
          throw new BulkheadError('storage-denied', `${printable(entry.path)} has a ".." part`);
        const target = appendPath(url, entry.path);
        const sizeBytes = await putFile(target, entry, entry.body, writable, { agent, signal });
        written.push({ url: target, path: entry.path, sizeBytes });
      }
      return written;
    },
    async close() {
      await agent.destroy();
    },
  };
}

async function fetchFile(text: string, options: ExchangeOptions, maxBytes: number): Promise<Entry> {
  const location = httpLocation(text);
  const { url } = location;
  const { headers, body } = await get(location, options);
  body.on('error', ignore);
  const length = headers['content-length'];
  const sizeBytes = typeof length === 'string' ? Number(length) : null;
  if (sizeBytes !== null && sizeBytes > maxBytes) {
    body.destroy();
    throw tooLarge(url, maxBytes);
  }
  const content = Readable.from(limited(url, body, maxBytes, options.signal), { objectMode: false });
  content.on('error', ignore).on('close', () => body.destroy());
  return { path: '', type: 'file', sizeBytes, mode: 0o644, body: content };
}

/** An error of a stream is told to whoever reads it; where nobody does, it must not end the process. */
function ignore(): void {}

/** What arrives, up to the limit. */
async function* limited(
  url: URL,
  body: AsyncIterable<Uint8Array>,
  maxBytes: number,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  let left = maxBytes;
  try {
    for await (const chunk of body) {
      left -= chunk.length;
      if (left < 0) throw tooLarge(url, maxBytes);
      yield chunk;
    }
  } catch (error) {
    throw failureOf(url, error, signal);
  }
}

function tooLarge(url: URL, maxBytes: number): BulkheadError {
  return new BulkheadError(
    'storage-failed',
    `${shownUrl(url)} is larger than ${maxBytes} bytes, the limit of storage.http.max_bytes`,
  );
}

async function putFile(
  text: string,
  entry: Entry,
  body: Readable,
  writable: readonly URL[],
  options: Pick<ExchangeOptions, 'agent' | 'signal'>,
): Promise<number> {
  const location = httpLocation(text);
  if (!writable.some((prefix) => isBelow(location.url, prefix))) {
    body.destroy();
    throw new BulkheadError(
      'storage-denied',
      `${shownUrl(location.url)} is below no URL that this site writes to; it has ${writable.map(shownUrl).join(', ') || 'none'}`,
    );
  }
  let sent = 0;
  async function* counted(): AsyncGenerator<Uint8Array> {
    for await (const chunk of body as AsyncIterable<Uint8Array>) {
      sent += chunk.length;
      yield chunk;
    }
  }
  await put(location, counted(), entry.sizeBytes, options);
  return sent;
}

function isBelow(url: URL, prefix: URL): boolean {
  const folder = prefix.pathname.endsWith('/') ? prefix.pathname : `${prefix.pathname}/`;
  return (
    url.origin === prefix.origin && (url.pathname.startsWith(folder) || url.pathname === prefix.pathname)
  );
}

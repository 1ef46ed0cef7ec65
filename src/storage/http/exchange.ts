import { setTimeout as sleep } from 'node:timers/promises';
import { Readable } from 'node:stream';
import type { Agent, Dispatcher } from 'undici';
import { BulkheadError } from '../../errors.ts';
import { failureOf, isPassing, statusFailure } from './failure.ts';
import { type HttpLocation, shownUrl } from './location.ts';

export interface ExchangeOptions {
  readonly agent: Agent;
  /** Milliseconds before the second try, twice as long before each further one. */
  readonly retryMs: number;
  readonly signal: AbortSignal;
}

type Response = Dispatcher.ResponseData;

const MAX_TRIES = 4;
const MAX_REDIRECTS = 5;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);
/** Too early, too often, or a server's passing trouble. Source: RFC 9110, 15. */
const PASSING_STATUS = new Set([408, 425, 429, 500, 502, 503, 504]);
const MAX_DUMP_BYTES = 65_536;

/**
 * The response to a GET, after redirects; tried again where it failed before its first byte in a way that may pass.
 * Credentials stay with the origin that they were written for, and a redirect doesn't leave https.
 */
export async function get(location: HttpLocation, options: ExchangeOptions): Promise<Response> {
  let { url } = location;
  for (let redirects = 0; ; redirects += 1) {
    const isOwnOrigin = url.origin === location.url.origin;
    const response = await tryGet(url, isOwnOrigin ? location.authorization : undefined, options);
    if (!REDIRECTS.has(response.statusCode)) {
      if (response.statusCode === 200) return response;
      await discard(response);
      throw statusFailure(url, response.statusCode, 'GET');
    }
    await discard(response);
    if (redirects === MAX_REDIRECTS) throw failed(url, `redirects more than ${MAX_REDIRECTS} times`);
    url = redirectTarget(url, response.headers.location);
  }
}

/** Not tried again: the content has been consumed. Throws where the server doesn't take it. */
export async function put(
  { url, authorization }: HttpLocation,
  body: AsyncIterable<Uint8Array>,
  sizeBytes: number | null,
  { agent, signal }: Pick<ExchangeOptions, 'agent' | 'signal'>,
): Promise<void> {
  try {
    const response = await agent.request({
      origin: url.origin,
      path: url.pathname + url.search,
      method: 'PUT',
      headers: {
        ...headersOf(authorization),
        ...(sizeBytes === null ? {} : { 'content-length': String(sizeBytes) }),
      },
      body: Readable.from(body, { objectMode: false }),
      signal,
    });
    await discard(response);
    if (response.statusCode < 200 || response.statusCode > 299)
      throw statusFailure(url, response.statusCode, 'PUT');
  } catch (error) {
    throw failureOf(url, error, signal);
  }
}

async function tryGet(
  url: URL,
  authorization: string | undefined,
  options: ExchangeOptions,
): Promise<Response> {
  const { agent, retryMs, signal } = options;
  for (let tried = 1; ; tried += 1) {
    try {
      const response = await agent.request({
        origin: url.origin,
        path: url.pathname + url.search,
        method: 'GET',
        headers: headersOf(authorization),
        signal,
      });
      if (tried === MAX_TRIES || !PASSING_STATUS.has(response.statusCode)) return response;
      await discard(response);
    } catch (error) {
      if (tried === MAX_TRIES || !isPassing(error) || signal.aborted) throw failureOf(url, error, signal);
    }
    await sleep(retryMs * 2 ** (tried - 1), undefined, { signal }).catch((error: unknown) => {
      throw failureOf(url, error, signal);
    });
  }
}

function headersOf(authorization: string | undefined): Record<string, string> {
  return { 'user-agent': 'bulkhead', ...(authorization === undefined ? {} : { authorization }) };
}

function redirectTarget(from: URL, location: string | string[] | undefined): URL {
  const target = typeof location === 'string' ? URL.parse(location, from.href) : null;
  if (target === null) throw failed(from, 'redirects to nothing that is a URL');
  if (!/^https?:$/.test(target.protocol)) throw failed(from, `redirects to a ${target.protocol}// URL`);
  if (from.protocol === 'https:' && target.protocol === 'http:')
    throw failed(from, `redirects from https to ${shownUrl(target)}`);
  target.username = '';
  target.password = '';
  return target;
}

/** So that the connection can be used again, unless there is much of it. */
async function discard(response: Response): Promise<void> {
  await response.body.dump({ limit: MAX_DUMP_BYTES }).catch(() => {});
}

function failed(url: URL, problem: string): BulkheadError {
  return new BulkheadError('storage-failed', `${shownUrl(url)} ${problem}`);
}

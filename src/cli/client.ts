import { BulkheadError } from '../errors.ts';
import type { TesTask, TesView } from '../tes/task.ts';
import { readLogLines } from './log-stream.ts';
import type { LogLine } from './log-stream.ts';
import { problemOf } from './problem.ts';
import { DEFAULT_SERVER } from './server-address.ts';
import type { Server } from './server-address.ts';

/** The HTTP API, as the commands use it. Every method throws `unreachable` where no server answers. */
export interface Client {
  /** With the same key again, the server answers the first task: safe to repeat. */
  create(document: unknown, idempotencyKey: string): Promise<string>;
  get(id: string, view: TesView): Promise<TesTask>;
  list(
    query: ListQuery,
  ): Promise<{ readonly tasks: readonly TesTask[]; readonly nextPageToken: string | undefined }>;
  cancel(id: string): Promise<void>;
  /** Ends when the task has ended (at once without `follow`), or when the connection breaks. */
  logs(
    id: string,
    options: { readonly follow: boolean; readonly signal?: AbortSignal },
  ): AsyncIterable<LogLine>;
  /** A route of Bulkhead's own, below `/bulkhead/v1`: what it answers as JSON. */
  operate(method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown): Promise<unknown>;
  /** The same, for an answer that takes as long as it takes. */
  stream(method: 'GET' | 'POST', path: string): Promise<ReadableStream<Uint8Array>>;
}

export interface ListQuery {
  readonly view: TesView;
  readonly pageSize: number;
  readonly pageToken?: string | undefined;
  readonly state?: string | undefined;
  readonly namePrefix?: string | undefined;
  readonly tags?: readonly { readonly key: string; readonly value: string }[];
}

const OWN = '/bulkhead/v1';
/** For answers that come at once; a stream of logs lasts as long as its task. */
const ANSWER_TIMEOUT_MS = 60_000;

export function createClient(server: Server): Client {
  return {
    async create(document, idempotencyKey) {
      const answer = await json('POST', '/ga4gh/tes/v1/tasks', {
        body: JSON.stringify(document),
        headers: { 'content-type': 'application/json', 'idempotency-key': idempotencyKey },
      });
      if (isRecord(answer) && typeof answer['id'] === 'string') return answer['id'];
      throw notBulkhead();
    },
    async get(id, view) {
      const answer = await json('GET', `${taskPath(id)}?view=${view}`, {});
      if (isTask(answer)) return answer;
      throw notBulkhead();
    },
    async list(query) {
      const answer = await json('GET', `/ga4gh/tes/v1/tasks?${listParameters(query).toString()}`, {});
      if (!isRecord(answer) || !Array.isArray(answer['tasks'])) throw notBulkhead();
      const token = answer['next_page_token'];
      return {
        tasks: answer['tasks'].filter(isTask),
        nextPageToken: typeof token === 'string' && token !== '' ? token : undefined,
      };
    },
    async cancel(id) {
      await json('POST', `${taskPath(id)}:cancel`, {});
    },
    async *logs(id, { follow, signal }) {
      const path = `/bulkhead/v1/tasks/${encodeURIComponent(id)}/logs${follow ? '?follow=true' : ''}`;
      const response = await send('GET', path, signal === undefined ? {} : { signal });
      if (response.body !== null) yield* readLogLines(response.body);
    },
    operate: async (method, path, body) =>
      await json(
        method,
        `${OWN}${path}`,
        body === undefined
          ? {}
          : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } },
      ),
    async stream(method, path) {
      const { body } = await send(method, `${OWN}${path}`, {});
      if (body === null) throw notBulkhead();
      return body;
    },
  };

  async function json(method: string, path: string, init: RequestInit): Promise<unknown> {
    const response = await send(method, path, { ...init, signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) });
    try {
      return await response.json();
    } catch (cause) {
      throw cause instanceof SyntaxError ? notBulkhead() : unreachable(server.base, cause);
    }
  }

  async function send(method: string, path: string, init: RequestInit): Promise<Response> {
    const headers = new Headers(init.headers);
    headers.set('accept', 'application/json, application/x-ndjson, application/problem+json');
    if (server.authorization !== undefined) headers.set('authorization', server.authorization);
    let response: Response;
    try {
      // A redirect would turn a POST into a GET.
      response = await fetch(server.base + path, { ...init, method, headers, redirect: 'manual' });
    } catch (cause) {
      if (init.signal?.aborted === true && cause instanceof Error && cause.name === 'AbortError') throw cause;
      throw unreachable(server.base, cause);
    }
    if (!response.ok) throw await problemOf(response, server);
    return response;
  }

  function notBulkhead(): BulkheadError {
    return new BulkheadError(
      'not-found',
      `What answers at ${server.base} is not a Bulkhead or TES server: check --server`,
    );
  }
}

function taskPath(id: string): string {
  return `/ga4gh/tes/v1/tasks/${encodeURIComponent(id)}`;
}

function listParameters(query: ListQuery): URLSearchParams {
  const parameters = new URLSearchParams({ view: query.view, page_size: String(query.pageSize) });
  if (query.pageToken !== undefined) parameters.set('page_token', query.pageToken);
  if (query.state !== undefined) parameters.set('state', query.state);
  if (query.namePrefix !== undefined) parameters.set('name_prefix', query.namePrefix);
  for (const { key, value } of query.tags ?? []) {
    parameters.append('tag_key', key);
    parameters.append('tag_value', value);
  }
  return parameters;
}

function unreachable(base: string, cause: unknown): BulkheadError {
  const remedy =
    base === DEFAULT_SERVER
      ? 'start one with `bulkhead serve`, or name another with --server or BULKHEAD_SERVER_URL'
      : 'start one there with `bulkhead serve`, or check --server and BULKHEAD_SERVER_URL';
  return new BulkheadError('unreachable', `No server at ${base} (${reasonOf(cause)}): ${remedy}`, { cause });
}

/** The reason of a failed fetch is in its cause; of an attempt at several addresses, in the first error. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0]);
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : reasonOf(error.cause);
}

function isTask(value: unknown): value is TesTask {
  return isRecord(value) && typeof value['id'] === 'string' && typeof value['state'] === 'string';
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

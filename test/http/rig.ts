/** A real HTTP server on a free port, with a real store in a folder of its own; only the engine is a double. */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Authenticator } from '../../src/auth/authenticator.ts';
import { createNoneAuthenticator } from '../../src/auth/none.ts';
import { BulkheadError } from '../../src/errors.ts';
import type { HttpServerOptions } from '../../src/http/options.ts';
import { createHttpServer } from '../../src/http/server.ts';
import { admit } from '../../src/policy/admission.ts';
import { openSqliteStore } from '../../src/store/sqlite/sqlite.ts';
import type { Store } from '../../src/store/store.ts';
import { SUPPORTED_PARAMETERS } from '../../src/policy/parameter-key.ts';
import { createScriptedEngine } from '../doubles/scripted-engine.ts';
import type { ScriptedEngine } from '../doubles/scripted-engine.ts';
import { admissionRequest } from '../doubles/site.ts';

export interface Rig {
  readonly address: string;
  readonly port: number;
  readonly store: Store;
  readonly engine: ScriptedEngine;
  request(path: string, options?: RequestOptions): Promise<Answer>;
  /** Creates a task and answers its id. */
  create(task?: object, headers?: Record<string, string>): Promise<string>;
  close(): Promise<void>;
}

export interface RequestOptions {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  /** An object is sent as JSON, everything else as it is. */
  readonly body?: string | Uint8Array<ArrayBuffer> | object;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Empty where the answer isn't JSON. */
  readonly json: AnswerBody;
}

/** The parts of answers that tests read; what else there is, they compare. */
export interface AnswerBody {
  readonly id?: string;
  readonly state?: string;
  readonly tasks?: readonly { readonly id: string; readonly state: string }[];
  readonly next_page_token?: string;
  readonly detail?: string;
  readonly instance?: string;
  readonly errors?: readonly { readonly pointer?: string; readonly parameter?: string }[];
}

export const TASK = { executors: [{ image: 'alpine', command: ['true'] }] };

export async function startRig(
  options: Partial<HttpServerOptions> & { engine?: ScriptedEngine } = {},
): Promise<Rig> {
  const folder = await mkdtemp(join(tmpdir(), 'bulkhead-http-'));
  const store = options.store ?? (await openSqliteStore({ path: join(folder, 'store.db') }));
  const engine = options.engine ?? createScriptedEngine();
  const app = createHttpServer({
    authenticator: createNoneAuthenticator(),
    admit: async (document, principal) => admit(admissionRequest(document, principal)),
    serviceInfo: {
      id: 'org.example.bulkhead',
      name: 'B',
      organization: { name: 'O', url: 'https://example.org' },
      version: '0.1.0',
    },
    storageLocations: ['file:///data'],
    parameterKeys: SUPPORTED_PARAMETERS,
    logger: false,
    now: () => Date.now(),
    newId: () => randomUUID(),
    ...options,
    store,
    engine,
  });
  const address = await app.listen({ host: '127.0.0.1', port: 0 });

  async function request(path: string, { method, headers = {}, body }: RequestOptions = {}): Promise<Answer> {
    const isPlain = body === undefined || typeof body === 'string' || body instanceof Uint8Array;
    const response = await fetch(`${address}${path}`, {
      method: method ?? (body === undefined ? 'GET' : 'POST'),
      headers: { ...(!isPlain && { 'content-type': 'application/json' }), ...headers },
      ...(body !== undefined && { body: isPlain ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson = /^application\/(?:problem\+)?json/.test(response.headers.get('content-type') ?? '');
    return { status: response.status, headers: response.headers, text, json: isJson ? JSON.parse(text) : {} };
  }

  return {
    address,
    port: Number(new URL(address).port),
    store,
    engine,
    request,
    async create(task = TASK, headers = {}) {
      const { status, json, text } = await request('/ga4gh/tes/v1/tasks', { body: task, headers });
      if (status !== 200 || json.id === undefined) throw new Error(`create: ${status} ${text}`);
      return json.id;
    },
    async close() {
      await app.close();
      if (options.store === undefined) await store.close();
      await rm(folder, { recursive: true });
    },
  };
}

/** `Bearer NAME` is the caller NAME; everything else is refused. */
export function namesAuthenticator(): Authenticator {
  return {
    challenges: ['Basic realm="bulkhead"', 'Bearer'],
    authenticate: async (authorization) => {
      const subject = /^Bearer ([a-z]+)$/.exec(authorization ?? '')?.[1];
      if (subject === undefined)
        throw new BulkheadError('unauthenticated', 'Credentials are missing or wrong.');
      return { subject, groups: [], method: 'bearer' };
    },
  };
}

export const as = (subject: string) => ({ authorization: `Bearer ${subject}` });

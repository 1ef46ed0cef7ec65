import type { FastifyBaseLogger } from 'fastify';
import type { Authenticator, Principal } from '../auth/authenticator.ts';
import type { Engine } from '../engine/engine.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import type { Store } from '../store/store.ts';
import type { ServiceDescription } from '../tes/service-info.ts';
import type { TesTaskDocument } from '../tes/task.ts';
import type { OperationOptions } from './operation-options.ts';
import type { PolicyOptions } from './policy-options.ts';

/** What the HTTP room needs from outside. */
export interface HttpServerOptions {
  readonly store: Store;
  readonly engine: Engine;
  readonly authenticator: Authenticator;
  /** Throws `refused` or `invalid` with every field at fault; its document is what is stored. */
  readonly admit: (document: TesTaskDocument, principal: Principal) => Promise<Admitted>;
  /** Without it, none of its routes exists. */
  readonly policy?: PolicyOptions;
  readonly serviceInfo: ServiceDescription;
  /** Advertised to callers that authenticated. */
  readonly storageLocations: readonly string[];
  /** Backend parameters that the site supports. */
  readonly parameterKeys: readonly string[];
  /** Origins of web pages that may call the API; `*` for all; none by default. */
  readonly cors?: { readonly origins: readonly string[] };
  readonly limits?: Partial<HttpLimits>;
  /** For operators; without it, none of their routes exists. */
  readonly operation?: OperationOptions;
  /** Compatible with pino; `false` logs nothing. */
  readonly logger: FastifyBaseLogger | false;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** A new task's id: unique, hard to guess, fit for a URL. */
  readonly newId: () => string;
}

export interface Admitted {
  readonly sandbox: Sandbox;
  readonly document: TesTaskDocument;
  readonly warnings: readonly string[];
}

export interface HttpLimits {
  /** Bytes of a request's body. */
  readonly bodyBytes: number;
  /** Bytes of the `content` of one input. */
  readonly contentBytes: number;
  /** Levels of arrays and objects in a body. */
  readonly jsonDepth: number;
  /** Milliseconds that a client may take to send a request. */
  readonly requestMs: number;
}

export const DEFAULT_LIMITS: HttpLimits = {
  bodyBytes: 8 * 2 ** 20,
  contentBytes: 2 ** 20,
  jsonDepth: 64,
  requestMs: 120_000,
};

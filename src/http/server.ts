import Fastify, { LogController } from 'fastify';
import type { FastifyInstance, FastifyServerOptions } from 'fastify';
import { limitBodies } from './body-room.ts';
import { readJsonBodies } from './body.ts';
import { NO_COMPILERS } from './compilers.ts';
import { answerClientError, handleErrors, sendProblem } from './error-handling.ts';
import { healthRoutes } from './health-routes.ts';
import { requireIdentity } from './identity.ts';
import { logRoutes } from './log-routes.ts';
import { refuseOtherMethods } from './methods.ts';
import { openApi, openApiRoutes } from './openapi.ts';
import { operationRoutes } from './operation-routes.ts';
import { DEFAULT_LIMITS } from './options.ts';
import type { HttpServerOptions } from './options.ts';
import { refuseForeignPages } from './origin.ts';
import { policyRoutes } from './policy-routes.ts';
import { sandboxRoutes } from './sandbox-routes.ts';
import { serviceInfoRoutes } from './service-info-routes.ts';
import { taskRoutes } from './task-routes.ts';

/** Where clients look for TES: the specification's address first, then those that some clients have built in. */
const TES_PREFIXES = ['/ga4gh/tes/v1', '/v1', '/'];
const OWN_PREFIX = '/bulkhead/v1';

/**
 * The HTTP API: TES 1.1 under each of its prefixes, what Bulkhead has beside it under `/bulkhead/v1`, `/healthz` and
 * `/openapi.json`. Everything is for callers that authenticated but for service-info, `/openapi.json`, health and, where
 * the site says so, metrics.
 * Listens nowhere until the caller says so.
 */
export function createHttpServer(options: HttpServerOptions): FastifyInstance {
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const origins = options.cors?.origins ?? [];
  const app = Fastify({
    ...serverOptions(options),
    bodyLimit: limits.bodyBytes,
    requestTimeout: limits.requestMs,
    ...NO_COMPILERS,
  });

  handleErrors(app, options.authenticator.challenges, limits.bodyBytes);
  readJsonBodies(app, limits);
  limitBodies(app, limits.bodyBytes);
  app.addHook('onRequest', async (_request, reply) => {
    reply.headers({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
  });
  if (origins.length > 0) app.register(import('@fastify/cors'), corsOptions(origins));
  refuseForeignPages(app, origins);
  const described = openApi(app, TES_PREFIXES[0] ?? '/', options.serviceInfo.version);

  app.register(async (open) => {
    healthRoutes(open, options);
    openApiRoutes(open, described);
  });
  for (const [at, prefix] of TES_PREFIXES.entries()) {
    const hide = at > 0;
    app.register(async (open) => serviceInfoRoutes(open, options, hide), { prefix });
    app.register(
      async (closed) => {
        requireIdentity(closed, options.authenticator);
        taskRoutes(closed, { ...options, contentBytes: limits.contentBytes }, hide);
      },
      { prefix },
    );
  }
  app.register(
    async (closed) => {
      requireIdentity(closed, options.authenticator);
      logRoutes(closed, options);
      sandboxRoutes(closed, options);
      if (options.policy !== undefined) policyRoutes(closed, options.policy, limits.contentBytes);
      refuseOtherMethods(closed, '/tasks/:id/logs', ['GET']);
      refuseOtherMethods(closed, '/tasks/:id/sandbox', ['GET']);
    },
    { prefix: OWN_PREFIX },
  );
  const { operation } = options;
  if (operation !== undefined)
    app.register(async (own) => operationRoutes(own, operation, options.authenticator), {
      prefix: OWN_PREFIX,
    });
  return app;
}

function serverOptions(options: HttpServerOptions): FastifyServerOptions {
  return {
    ...(options.logger === false ? { logger: false } : { loggerInstance: options.logger }),
    // A line for each request costs more than the request.
    logController: new LogController({ disableRequestLogging: true }),
    // Clients join base addresses and paths carelessly: `//tasks`, `/tasks/`.
    routerOptions: { ignoreTrailingSlash: true, ignoreDuplicateSlashes: true, maxParamLength: 16_384 },
    clientErrorHandler: answerClientError,
    frameworkErrors: (error, request, reply) => {
      sendProblem(error, request, reply);
    },
    return503OnClosing: true,
    forceCloseConnections: 'idle',
  };
}

/** Credentials are sent by scripts as a header, never by the browser on its own: no cookie is read. */
function corsOptions(origins: readonly string[]) {
  return {
    origin: origins.includes('*') ? '*' : [...origins],
    methods: ['GET', 'POST'],
    allowedHeaders: ['Authorization', 'Content-Type', 'Idempotency-Key'],
    exposedHeaders: ['WWW-Authenticate', 'Retry-After'],
    maxAge: 600,
  };
}

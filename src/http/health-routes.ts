import type { FastifyInstance } from 'fastify';
import type { HttpServerOptions } from './options.ts';
import { HEALTH_ROUTE } from './openapi-routes.ts';
import { refuseOtherMethods } from './methods.ts';

/** `GET /healthz`: 200 while requests are served and the store answers, else a problem. Without authentication. */
export function healthRoutes(app: FastifyInstance, { store }: Pick<HttpServerOptions, 'store'>): void {
  app.get('/healthz', { schema: HEALTH_ROUTE }, async () => {
    // No task has an empty id: this asks the store for nothing but an answer.
    await store.get('', { view: 'MINIMAL' });
    return { status: 'ok' };
  });
  refuseOtherMethods(app, '/healthz', ['GET']);
}

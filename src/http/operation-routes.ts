import type { FastifyInstance } from 'fastify';
import type { Authenticator } from '../auth/authenticator.ts';
import { backupRoutes } from './backup-routes.ts';
import { drainRoutes } from './drain-routes.ts';
import { requireIdentity } from './identity.ts';
import { leftoverRoutes } from './leftover-routes.ts';
import { refuseOtherMethods } from './methods.ts';
import { METRICS_ROUTE } from './operation-schema.ts';
import type { Metrics, OperationOptions } from './operation-options.ts';
import { requireOperator } from './operator.ts';
import { readinessRoutes } from './readiness-routes.ts';

/** Below `/bulkhead/v1`, for operators and for what watches over servers: health, metrics, drain, backups, leftovers. */
export function operationRoutes(
  app: FastifyInstance,
  options: OperationOptions,
  authenticator: Authenticator,
): void {
  const { metrics } = options;
  app.register(async (open) => {
    readinessRoutes(open, options);
    if (metrics?.access === 'everybody') metricsRoute(open, metrics);
  });
  app.register(async (closed) => {
    requireIdentity(closed, authenticator);
    requireOperator(closed, options.operators);
    drainRoutes(closed, options.operation);
    if (options.backups !== undefined) backupRoutes(closed, options.backups);
    if (options.leftovers !== undefined) leftoverRoutes(closed, options.leftovers);
    if (metrics?.access === 'operators') metricsRoute(closed, metrics);
  });
}

function metricsRoute(app: FastifyInstance, metrics: Metrics): void {
  app.get('/metrics', { schema: METRICS_ROUTE, exposeHeadRoute: false }, async (_request, reply) => {
    const { type, body } = await metrics.text();
    return reply.type(type).send(body);
  });
  refuseOtherMethods(app, '/metrics', ['GET']);
}

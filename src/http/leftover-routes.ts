import type { FastifyInstance } from 'fastify';
import { refuseOtherMethods } from './methods.ts';
import { LEFTOVERS_ROUTE } from './operation-schema.ts';
import type { Leftovers } from './operation-options.ts';

/** `GET …/leftovers`: what no task owns. `DELETE`: removes it, and tells what was. */
export function leftoverRoutes(app: FastifyInstance, leftovers: Leftovers): void {
  app.get('/leftovers', { schema: LEFTOVERS_ROUTE.get }, async () => ({
    leftovers: await leftovers.find(),
  }));
  app.delete('/leftovers', { schema: LEFTOVERS_ROUTE.delete }, async () => ({
    leftovers: await leftovers.remove(),
  }));
  refuseOtherMethods(app, '/leftovers', ['GET', 'DELETE']);
}

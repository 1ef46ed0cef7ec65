import type { FastifyInstance } from 'fastify';
import { BulkheadError } from '../errors.ts';
import type { Operation, OperationState } from '../engine/operation.ts';
import { refuseOtherMethods } from './methods.ts';
import { DRAIN_ROUTE } from './operation-schema.ts';

interface Query {
  readonly creates?: unknown;
}

/** `POST …/drain?creates=queue|refuse` begins a drain, `DELETE` takes it back, `GET` tells what runs; each answers the state. */
export function drainRoutes(app: FastifyInstance, operation: Operation): void {
  app.get('/drain', { schema: DRAIN_ROUTE.get }, async () => view(operation.state()));
  app.post<{ Querystring: Query }>('/drain', { schema: DRAIN_ROUTE.post }, async ({ query }) => {
    operation.drain({ refuseCreates: refusesCreates(query.creates) });
    return view(operation.state());
  });
  app.delete('/drain', { schema: DRAIN_ROUTE.delete }, async () => {
    operation.resume();
    return view(operation.state());
  });
  refuseOtherMethods(app, '/drain', ['GET', 'POST', 'DELETE']);
}

function view({ holds, running, takesCreates }: OperationState) {
  return {
    draining: holds.some(({ cause }) => cause === 'drain'),
    takes_creates: takesCreates,
    running,
    holds: holds.map(({ cause, reason, since }) => ({
      cause,
      reason,
      since: new Date(since).toISOString(),
    })),
  };
}

function refusesCreates(value: unknown): boolean {
  if (value === undefined || value === 'queue') return false;
  if (value === 'refuse') return true;
  const problem = `is ${JSON.stringify(value)}, and must be queue or refuse`;
  throw new BulkheadError('invalid', `creates ${problem}.`, { fields: [{ field: 'creates', problem }] });
}

import type { FastifyInstance, FastifyRequest } from 'fastify';
import { BulkheadError } from '../errors.ts';
import { parseTask } from '../tes/parse-task.ts';
import { ignoreBodies } from './body.ts';
import { HttpError } from './http-error.ts';
import { idempotencyKeyOf } from './idempotency-key.ts';
import { callerOf } from './identity.ts';
import { parseListQuery, parseView } from './list-query.ts';
import type { Query } from './list-query.ts';
import { refuseOtherMethods } from './methods.ts';
import { CANCEL_ROUTE, CREATE_ROUTE, GET_ROUTE, LIST_ROUTE } from './openapi-routes.ts';
import type { HttpServerOptions } from './options.ts';
import { taskView } from './task-view.ts';

export type TaskRouteOptions = HttpServerOptions & { readonly contentBytes: number };
type WithId = { Params: { id: string }; Querystring: Query };

const CANCEL = ':cancel';

/** TES's four requests on tasks. A caller sees only its own: another's is as unknown as one that never was. */
export function taskRoutes(app: FastifyInstance, options: TaskRouteOptions, hide: boolean): void {
  const { store } = options;

  app.post('/tasks', { schema: { ...CREATE_ROUTE, hide } }, (request) => createTask(request, options));

  app.get<{ Querystring: Query }>('/tasks', { schema: { ...LIST_ROUTE, hide } }, async (request) => {
    const query = parseListQuery(request.query);
    const { tasks, nextPageToken } = await store.list({ ...query, owner: callerOf(request).subject });
    return {
      tasks: tasks.map((task) => taskView(task, query.view)),
      ...(nextPageToken !== undefined && { next_page_token: nextPageToken }),
    };
  });

  app.get<WithId>('/tasks/:id', { schema: { ...GET_ROUTE, hide } }, async (request) => {
    const { id } = request.params;
    const view = parseView(request.query);
    const task = await store.get(id, { owner: callerOf(request).subject, view });
    if (task === undefined) throw unknownTask(id);
    return taskView(task, view);
  });

  app.register(async (cancel) => cancelRoute(cancel, options, hide));
  refuseOtherMethods(app, '/tasks', ['GET', 'POST']);
  refuseOtherMethods(app, '/tasks/:id', ['GET', 'POST']);
}

/** The same for an id that never was and for another's: nothing says which. */
export function unknownTask(id: string): BulkheadError {
  return new BulkheadError('not-found', `There is no task ${JSON.stringify(id.slice(0, 100))}.`);
}

async function createTask(request: FastifyRequest, options: TaskRouteOptions): Promise<{ id: string }> {
  const caller = callerOf(request);
  const idempotencyKey = idempotencyKeyOf(request.headers['idempotency-key']);
  const sent = parseTask(request.body, { maxContentBytes: options.contentBytes });
  const { document, sandbox, warnings } = await options.admit(sent, caller);
  const { id, replayed } = await options.store.create({
    id: options.newId(),
    owner: caller.subject,
    createdAt: options.now(),
    document,
    sandbox,
    warnings,
    ...(idempotencyKey !== undefined && { idempotencyKey }),
  });
  if (!replayed) options.engine.wake();
  return { id };
}

/**
 * `POST /tasks/{id}:cancel`. The router can't split a segment at a colon that a client may have percent-encoded, so
 * the id is cut here. Clients send no body, an empty one, or `{}` by any name: none is looked at.
 */
function cancelRoute(app: FastifyInstance, options: HttpServerOptions, hide: boolean): void {
  ignoreBodies(app);
  app.addHook('onRequest', async (request) => {
    // Fastify refuses a malformed type before any parser is asked.
    delete request.raw.headers['content-type'];
  });
  app.post<WithId>('/tasks/:id', { schema: { ...CANCEL_ROUTE, hide } }, async (request) => {
    const { id: segment } = request.params;
    if (!segment.endsWith(CANCEL)) {
      throw new HttpError(405, `POST is no method of a task; its address with "${CANCEL}" has it.`, {
        allow: 'GET',
      });
    }
    const id = segment.slice(0, -CANCEL.length);
    const change = await options.store.cancel(id, { owner: callerOf(request).subject, at: options.now() });
    if (change === undefined) throw unknownTask(id);
    if (change.after === 'CANCELING') options.engine.cancel(id);
    return {};
  });
}

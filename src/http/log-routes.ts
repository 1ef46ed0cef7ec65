import { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import type { LogEvent } from '../engine/engine.ts';
import { callerOf } from './identity.ts';
import { parseFlag } from './list-query.ts';
import type { Query } from './list-query.ts';
import { LOGS_ROUTE } from './openapi-routes.ts';
import type { HttpServerOptions } from './options.ts';
import { unknownTask } from './task-routes.ts';

/**
 * `GET …/tasks/{id}/logs`: one JSON object a line, each a `LogEvent` with its bytes in base64. With `follow=true` it
 * goes on until the task has ended. A reader that is slow holds up nobody but itself; one that goes away, or a
 * server that closes, ends it.
 */
export function logRoutes(
  app: FastifyInstance,
  { store, engine }: Pick<HttpServerOptions, 'store' | 'engine'>,
): void {
  const open = new Set<AbortController>();
  app.addHook('preClose', async () => {
    for (const controller of open) controller.abort();
  });

  app.get<{ Params: { id: string }; Querystring: Query }>(
    '/tasks/:id/logs',
    { schema: LOGS_ROUTE, exposeHeadRoute: false },
    async (request, reply) => {
      const { id } = request.params;
      const follow = parseFlag('follow', request.query);
      const task = await store.get(id, { owner: callerOf(request).subject, view: 'MINIMAL' });
      if (task === undefined) throw unknownTask(id);

      const controller = new AbortController();
      open.add(controller);
      reply.raw.once('close', () => {
        open.delete(controller);
        controller.abort();
      });
      const lines = Readable.from(
        encoded(engine.logs(id, { follow, signal: controller.signal }), controller.signal),
        {
          objectMode: false,
        },
      );
      return reply.type('application/x-ndjson').send(lines);
    },
  );
}

async function* encoded(events: AsyncIterable<LogEvent>, signal: AbortSignal): AsyncGenerator<string> {
  try {
    for await (const event of events) {
      yield `${JSON.stringify(event.kind === 'output' ? { ...event, data: base64(event.data) } : event)}\n`;
    }
  } catch (error) {
    // A reader that is gone needs no error; the engine may end its iteration with one.
    if (!signal.aborted) throw error;
  }
}

function base64(data: Uint8Array): string {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64');
}

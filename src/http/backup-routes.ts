import { PassThrough } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { BulkheadError } from '../errors.ts';
import type { Backups } from '../store/backup.ts';
import { refuseOtherMethods } from './methods.ts';
import { BACKUP_ROUTE, BACKUPS_ROUTE } from './operation-schema.ts';
import { problemOf } from './problem.ts';

type WithId = { Params: { id: string } };

/**
 * `POST …/backups` makes one, with a line of JSON for each step: `progress`, then `ready` with its id, or `failed`; a
 * caller who goes away ends it. `GET …/backups/{id}` is the file, which `DELETE` removes.
 */
export function backupRoutes(app: FastifyInstance, backups: Backups): void {
  const open = new Set<AbortController>();
  app.addHook('preClose', async () => {
    for (const controller of open) controller.abort();
  });

  app.post('/backups', { schema: BACKUPS_ROUTE, exposeHeadRoute: false }, async (request, reply) => {
    const controller = new AbortController();
    open.add(controller);
    reply.raw.once('close', () => controller.abort());
    const lines = new PassThrough();
    const tell = (line: object): void => void lines.write(`${JSON.stringify(line)}\n`);
    backups
      .make(({ copiedPages, totalPages }) => {
        tell({ kind: 'progress', copied_pages: copiedPages, total_pages: totalPages });
      }, controller.signal)
      .then(
        ({ schemaVersion, ...report }) => tell({ kind: 'ready', ...report, schema_version: schemaVersion }),
        (error: unknown) => {
          if (!controller.signal.aborted) request.log.error({ err: error }, 'a backup failed');
          tell({ kind: 'failed', problem: problemOf(error, request) });
        },
      )
      .finally(() => {
        open.delete(controller);
        lines.end();
      });
    return reply.type('application/x-ndjson').send(lines);
  });

  app.get<WithId>(
    '/backups/:id',
    { schema: BACKUP_ROUTE.get, exposeHeadRoute: false },
    async (request, reply) => {
      const file = await backups.open(request.params.id);
      if (file === undefined)
        throw new BulkheadError(
          'not-found',
          'There is no such backup: it was removed, or another was made since.',
        );
      reply.header('content-length', file.bytes).type('application/vnd.sqlite3');
      return reply.send(file.stream);
    },
  );

  app.delete<WithId>('/backups/:id', { schema: BACKUP_ROUTE.delete }, async (request) => {
    await backups.remove(request.params.id);
    return {};
  });
  refuseOtherMethods(app, '/backups', ['POST']);
  refuseOtherMethods(app, '/backups/:id', ['GET', 'DELETE']);
}

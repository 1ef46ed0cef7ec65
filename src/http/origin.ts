import type { FastifyInstance } from 'fastify';
import { BulkheadError } from '../errors.ts';

const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Refuses what a web page of another origin tells a visitor's browser to send. A browser sends a POST of plain text
 * to any address without asking, and the page need not see the answer: the task would run. Every browser says
 * whose page it was by `Origin`; other clients send none.
 */
export function refuseForeignPages(app: FastifyInstance, origins: readonly string[]): void {
  if (origins.includes('*')) return;
  app.addHook('onRequest', async (request) => {
    const { origin, host } = request.headers;
    if (origin === undefined || SAFE_METHODS.has(request.method) || origins.includes(origin)) return;
    if (origin === `http://${host}` || origin === `https://${host}`) return;
    throw new BulkheadError(
      'forbidden',
      `Web pages of ${JSON.stringify(origin.slice(0, 100))} may not call this server; server.cors.origins lists those that may.`,
    );
  });
}

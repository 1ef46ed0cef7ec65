import type { FastifyInstance, HTTPMethods } from 'fastify';
import { HttpError } from './http-error.ts';

const METHODS: readonly HTTPMethods[] = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];

/** Answers 405 for the methods that an address doesn't have, before a body is read. */
export function refuseOtherMethods(app: FastifyInstance, url: string, allowed: readonly HTTPMethods[]): void {
  const allow = allowed.join(', ');
  app.route({
    method: METHODS.filter((method) => !allowed.includes(method)),
    url,
    schema: { hide: true },
    exposeHeadRoute: false,
    onRequest: async (request) => {
      throw new HttpError(405, `${request.method} is no method of this address; it has ${allow}.`, { allow });
    },
    handler: () => undefined,
  });
}

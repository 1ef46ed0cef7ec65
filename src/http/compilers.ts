import type { FastifyInstance, FastifyServerOptions } from 'fastify';
import { BulkheadError } from '../errors.ts';
import type { Keywords } from '../tes/schema.ts';
import { serializerOf } from './serializer.ts';

/** Keeps Fastify from loading compilers of its own, which are 5 MiB: a server needs `useCompilers`. */
export const NO_COMPILERS: FastifyServerOptions = {
  schemaController: { compilersFactory: { buildValidator: none, buildSerializer: none } },
};

/** Makes the schemas known by their `$id`, and answers be written by them. */
export function useCompilers(app: FastifyInstance, schemas: readonly Keywords[]): void {
  for (const schema of schemas) app.addSchema(schema);
  const named = Object.fromEntries(schemas.map((schema) => [schema.$id ?? '', schema]));
  // Each route's own reader says what is wrong, by names that a client knows; no second opinion is asked.
  app.setValidatorCompiler(() => () => true);
  app.setSerializerCompiler<Keywords>(({ schema }) => serializerOf(schema, named));
}

function none(): never {
  throw new BulkheadError('internal', 'an HTTP server was made without its compilers');
}

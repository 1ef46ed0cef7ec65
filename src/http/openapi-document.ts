import swagger from '@fastify/swagger';
import Fastify, { type RouteOptions } from 'fastify';
import type { Keywords } from '../tes/schema.ts';
import { NO_COMPILERS, useCompilers } from './compilers.ts';

/** What of a server the document is made from. */
export interface DescribedServer {
  readonly schemas: readonly Keywords[];
  /** Registered, by their whole addresses. */
  readonly routes: readonly Pick<RouteOptions, 'method' | 'url' | 'schema'>[];
  readonly tesPrefix: string;
  readonly version: string;
}

/**
 * The document of a server's routes, from a server that is never listened on: what makes it is loaded with this file, once
 * somebody asks, since few do.
 */
export async function openApiDocument({
  schemas,
  routes,
  tesPrefix,
  version,
}: DescribedServer): Promise<object> {
  const app = Fastify(NO_COMPILERS);
  useCompilers(app, schemas);
  await app.register(swagger, {
    openapi: {
      openapi: '3.0.3',
      info: {
        title: 'Bulkhead',
        version,
        description: 'GA4GH Task Execution Service 1.1.0. Errors are problem documents (RFC 9457).',
      },
      servers: [{ url: tesPrefix }],
      components: {
        securitySchemes: {
          BearerAuth: { type: 'http', scheme: 'bearer' },
          BasicAuth: { type: 'http', scheme: 'basic' },
        },
      },
      security: [{ BearerAuth: [] }, { BasicAuth: [] }],
    },
    refResolver: {
      buildLocalReference: (json, _base, _fragment, at) =>
        typeof json.$id === 'string' ? json.$id : `schema-${at}`,
    },
    transformObject: (document) =>
      'openapiObject' in document ? finished(document.openapiObject) : document.swaggerObject,
  });
  for (const { method, url, schema } of routes)
    app.route({ method, url, ...(schema === undefined ? {} : { schema }), handler: async () => ({}) });
  await app.ready();
  const document = app.swagger();
  await app.close();
  return document;
}

interface Document {
  readonly paths?: Readonly<Record<string, Readonly<Record<string, unknown>> | undefined>>;
  readonly components?: { readonly schemas?: Readonly<Record<string, object>> };
}

/** What the router and the serialiser can't know: the colon of cancel, prefixes besides TES's, and that a task that is sent needs executors. */
function finished<T extends Document>(document: T): T {
  const paths = Object.entries(document.paths ?? {}).flatMap(([path, item]): [string, unknown][] => {
    if (path === '/tasks/{id}') {
      const { post, ...rest } = item ?? {};
      return [
        [path, rest],
        [`${path}:cancel`, { post }],
      ];
    }
    const isTes = path === '/tasks' || path === '/service-info';
    return [[path, isTes ? item : { servers: [{ url: '/' }], ...item }]];
  });
  const schemas = { ...document.components?.schemas };
  if (schemas['tesTask'] !== undefined)
    schemas['tesTask'] = { ...schemas['tesTask'], required: ['executors'] };
  return { ...document, paths: Object.fromEntries(paths), components: { ...document.components, schemas } };
}

import swagger from '@fastify/swagger';
import type { FastifyInstance } from 'fastify';
import { tesExecutor, tesFileType, tesInput, tesOutput, tesResources } from '../tes/document-schema.ts';
import { tesServiceInfo, tesServiceType } from '../tes/service-info.ts';
import {
  tesCancelTaskResponse,
  tesCreateTaskResponse,
  tesExecutorLog,
  tesListTasksResponse,
  tesOutputFileLog,
  tesState,
  tesTask,
  tesTaskLog,
} from '../tes/task-schema.ts';
import { policyExplanation, policyOverview } from './policy-schema.ts';
import { sandboxAnswer } from './sandbox-schema.ts';

const COMPONENTS = [
  tesFileType,
  tesState,
  tesInput,
  tesOutput,
  tesResources,
  tesExecutor,
  tesExecutorLog,
  tesOutputFileLog,
  tesTaskLog,
  tesTask,
  tesCreateTaskResponse,
  tesCancelTaskResponse,
  tesListTasksResponse,
  tesServiceType,
  tesServiceInfo,
  sandboxAnswer,
  policyExplanation,
  policyOverview,
];

/** Makes the schemas known by name, and writes the document from the routes that are registered after. */
export function openApi(app: FastifyInstance, tesPrefix: string, version: string): void {
  for (const schema of COMPONENTS) app.addSchema(withReferences(schema));
  app.register(swagger, {
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
}

export function openApiRoutes(app: FastifyInstance): void {
  let text: string | undefined;
  app.get('/openapi.json', { schema: { hide: true } }, async (_request, reply) => {
    text ??= JSON.stringify(app.swagger());
    return reply.type('application/json; charset=utf-8').send(text);
  });
}

/** Nested schemas that have a name become references to it. */
function withReferences(schema: object): object {
  const entries = Object.entries(schema).map(([key, value]) => [key, referenced(value)] as const);
  return Object.fromEntries(entries);
}

function referenced(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(referenced);
  if (typeof value !== 'object' || value === null) return value;
  return '$id' in value && typeof value.$id === 'string' ? { $ref: `${value.$id}#` } : withReferences(value);
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

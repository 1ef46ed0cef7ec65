import type { FastifyInstance } from 'fastify';
import { tesExecutor, tesFileType, tesInput, tesOutput, tesResources } from '../tes/document-schema.ts';
import type { Keywords } from '../tes/schema.ts';
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
import { useCompilers } from './compilers.ts';
import type { DescribedServer } from './openapi-document.ts';
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

/**
 * Makes the schemas known by name, and gives what the document is made from: of the routes, those that are registered
 * after.
 */
export function openApi(app: FastifyInstance, tesPrefix: string, version: string): DescribedServer {
  const schemas = COMPONENTS.map(withReferences);
  useCompilers(app, schemas);
  const routes: DescribedServer['routes'][number][] = [];
  app.addHook('onRoute', ({ method, url, schema }) => {
    // Of each GET, there is a HEAD.
    if (method !== 'HEAD' && !isHidden(schema))
      routes.push({ method, url, ...(schema === undefined ? {} : { schema: { ...schema } }) });
  });
  return { schemas, routes, tesPrefix, version };
}

export function openApiRoutes(app: FastifyInstance, server: DescribedServer): void {
  let text: Promise<string> | undefined;
  app.get('/openapi.json', { schema: { hide: true } }, async (_request, reply) => {
    text ??= written(server);
    return reply.type('application/json; charset=utf-8').send(await text);
  });
}

async function written(server: DescribedServer): Promise<string> {
  const { openApiDocument } = await import('./openapi-document.ts');
  return JSON.stringify(await openApiDocument(server));
}

function isHidden(schema: object | undefined): boolean {
  return schema !== undefined && 'hide' in schema && schema.hide === true;
}

/** Nested schemas that have a name become references to it. */
function withReferences({ items, properties, ...rest }: Keywords): Keywords {
  return {
    ...rest,
    ...(items && { items: referenced(items) }),
    ...(properties && {
      properties: Object.fromEntries(
        Object.entries(properties).map(([name, member]) => [name, referenced(member)]),
      ),
    }),
  };
}

function referenced(schema: Keywords): Keywords {
  return schema.$id === undefined ? withReferences(schema) : { $ref: `${schema.$id}#` };
}

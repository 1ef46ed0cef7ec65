import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { startRig } from './rig.ts';
import type { Rig } from './rig.ts';

/** The part of an OpenAPI document that is compared. */
interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, Schema>>;
    readonly parameters?: Readonly<Record<string, Parameter>>;
  };
}
interface Operation {
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: Content;
  readonly responses: Readonly<Record<string, Content>>;
}
interface Content {
  readonly content?: Readonly<Record<string, { readonly schema: Schema }>>;
}
interface Parameter {
  readonly $ref?: string;
  readonly name: string;
  readonly in: string;
  readonly schema: Schema;
}
interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly additionalProperties?: Schema;
  readonly enum?: readonly string[];
  readonly allOf?: readonly Schema[];
}

const SPECS = resolve(import.meta.dirname, '../../../shared/spec');
const TES = resolve(SPECS, 'tes-1.1.0.openapi.yaml');
const SERVICE_INFO = resolve(SPECS, 'service-info-1.0.0.yaml');

/** Where we differ from the specification on purpose. */
const NUMBER_OF_CORES = { schema: 'tesResources', property: 'cpu_cores', type: 'number' };

let rig: Rig;
let ours: Document;
beforeAll(async () => {
  rig = await startRig();
  ours = JSON.parse((await rig.request('/openapi.json')).text);
});
afterAll(() => rig.close());

test('the document names what Bulkhead has besides TES, below its own server', () => {
  const own = Object.entries(ours.paths).filter(([, item]) => 'servers' in item);
  expect(own.map(([path]) => path).toSorted()).toEqual([
    '/bulkhead/v1/tasks/{id}/logs',
    '/bulkhead/v1/tasks/{id}/sandbox',
    '/healthz',
  ]);
});

describe.skipIf(!existsSync(TES))(
  `compared with the specification${existsSync(TES) ? '' : ` (skipped: there is no ${SPECS})`}`,
  () => {
    const tes: Document = existsSync(TES)
      ? parse(readFileSync(TES, 'utf8'))
      : { paths: {}, components: { schemas: {} } };
    const base: Document = existsSync(SERVICE_INFO) ? parse(readFileSync(SERVICE_INFO, 'utf8')) : tes;

    test('each path has its methods, and each method its parameters, body and answer', () => {
      for (const [path, item] of Object.entries(tes.paths)) {
        expect(Object.keys(ours.paths[path] ?? {}).toSorted(), path).toEqual(Object.keys(item).toSorted());
        for (const [method, operation] of Object.entries(item)) {
          const where = `${method} ${path}`;
          const own = ours.paths[path]?.[method];
          expect(parametersOf(own, ours), where).toMatchObject(parametersOf(operation, tes));
          expect(schemaOf(own?.responses['200']), where).toBe(schemaOf(operation.responses['200']));
          expect(schemaOf(own?.requestBody), where).toBe(schemaOf(operation.requestBody));
        }
      }
    });

    test.each(Object.keys(tes.components.schemas).filter((name) => !name.startsWith('tesService')))(
      'schema %s',
      (name) => {
        const expected = shapeOf(tes.components.schemas[name]);
        if (name === NUMBER_OF_CORES.schema)
          expected.properties[NUMBER_OF_CORES.property] = NUMBER_OF_CORES.type;
        expect(shapeOf(ours.components.schemas[name])).toEqual(expected);
      },
    );

    test('service-info has what GA4GH says of every service, and what TES adds', () => {
      const { Service: service, ServiceType: type } = base.components.schemas;
      const added = shapeOf(tes.components.schemas['tesServiceInfo']?.allOf?.[1]);
      const expected = shapeOf(service);
      const own = shapeOf(ours.components.schemas['tesServiceInfo']);
      expect(own.required).toEqual(expected.required);
      expect(own.properties).toEqual({ ...expected.properties, ...added.properties });
      expect(shapeOf(ours.components.schemas['tesServiceType'])).toEqual(shapeOf(type));
    });
  },
);

function parametersOf(operation: Operation | undefined, document: Document): Record<string, string> {
  const parameters = (operation?.parameters ?? []).map((parameter) =>
    parameter.$ref === undefined
      ? parameter
      : (document.components.parameters?.[last(parameter.$ref)] ?? parameter),
  );
  return Object.fromEntries(
    parameters.map(({ name, in: place, schema }) => [
      `${place} ${name}`,
      typeOf(schema).replace('tesState', 'string'),
    ]),
  );
}

function schemaOf(content: Content | undefined): string | undefined {
  const schema = content?.content?.['application/json']?.schema;
  return schema && typeOf(schema);
}

function shapeOf(schema: Schema | undefined): {
  type?: string;
  required: string[];
  values: string[];
  properties: Record<string, string>;
} {
  const properties = Object.entries(schema?.properties ?? {}).map(
    ([name, member]) => [name, typeOf(member)] as const,
  );
  return {
    ...(schema?.type !== undefined && { type: schema.type }),
    required: (schema?.required ?? []).toSorted(),
    values: (schema?.enum ?? []).toSorted(),
    properties: Object.fromEntries(properties),
  };
}

/** `string`, `tesInput[]`, `{string}`. */
function typeOf(schema: Schema): string {
  if (schema.$ref !== undefined) return last(schema.$ref).replace(/^ServiceType$/, 'tesServiceType');
  if (schema.items !== undefined) return `${typeOf(schema.items)}[]`;
  if (schema.additionalProperties !== undefined) return `{${typeOf(schema.additionalProperties)}}`;
  return schema.type ?? 'unsaid';
}

function last(reference: string): string {
  return reference.slice(reference.lastIndexOf('/') + 1);
}

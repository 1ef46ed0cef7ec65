import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { Value } from 'typebox/value';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { SCALES } from '../src/policy/fields.ts';
import { SUPPORTED_PARAMETERS } from '../src/policy/parameter-key.ts';
import { parseRequest } from '../src/policy/parse-request.ts';
import type { Asks } from '../src/policy/asks.ts';
import { resolve } from '../src/policy/resolution.ts';
import { DEFAULT_SITE_POLICY } from '../src/policy/site.ts';
import { ANYWHERE } from '../src/sandbox/endpoint.ts';
import { parseTask } from '../src/tes/parse-task.ts';
import type { TesTaskDocument } from '../src/tes/task.ts';
import { admissionRequest, ALL_ABILITIES } from './doubles/site.ts';
import { startRig } from './http/rig.ts';
import type { Rig } from './http/rig.ts';

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
type JsonObject = { readonly [key: string]: Json };

const FOLDER = join(import.meta.dirname, '../docs/extension');
const EXAMPLES = globSync('examples/*.structured.json', { cwd: FOLDER }).map((path) =>
  basename(path, '.structured.json'),
);
const PROFILES = { profiles: ['strict', 'standard', 'mapped-root'], tags: true };

let rig: Rig;
let document: JsonObject;
beforeAll(async () => {
  rig = await startRig();
  const tes: JsonObject = JSON.parse((await rig.request('/openapi.json')).text);
  document = overlaid(tes, overlay());
});
afterAll(async () => {
  await rig.close();
});

interface Overlay {
  readonly overlay: string;
  readonly info: { readonly title: string; readonly version: string };
  readonly actions: readonly { readonly target: string; readonly update: JsonObject }[];
}

function overlay(): Overlay {
  const read: Overlay = parse(readFileSync(join(FOLDER, 'openapi-overlay.yaml'), 'utf8'));
  return read;
}

/** Of the OpenAPI Overlay Specification 1.0.0: updates are merged into what the target names, which must be there. */
function overlaid(tes: JsonObject, { actions }: Overlay): JsonObject {
  return actions.reduce((result, { target, update }) => {
    const [root, ...path] = target.split('.');
    expect(root).toBe('$');
    return mergedAt(result, path, update);
  }, tes);
}

function mergedAt(at: JsonObject, [name, ...rest]: readonly string[], update: JsonObject): JsonObject {
  if (name === undefined) return { ...at, ...update };
  const below = at[name];
  if (!isObject(below)) throw new Error(`the target has no ${name}`);
  return { ...at, [name]: mergedAt(below, rest, update) };
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** As JSON Schema, without references; OpenAPI 3.0 writes two things otherwise. */
function schemaAt(pointer: string): JsonObject {
  const found = pointer
    .split('/')
    .slice(1)
    .reduce<Json | undefined>((at, name) => (isObject(at) ? at[name] : undefined), document);
  if (!isObject(found)) throw new Error(`${pointer} leads nowhere`);
  return plain(found);
}

function plain(schema: JsonObject): JsonObject {
  const { $ref: reference, nullable, exclusiveMinimum, ...rest } = schema;
  if (typeof reference === 'string') return schemaAt(reference.replace(/^#/, ''));
  const own = Object.fromEntries(
    Object.entries(rest).map(([name, value]): [string, Json] => [name, plainValue(value)]),
  );
  const bounded = exclusiveMinimum === true ? { ...own, exclusiveMinimum: own['minimum'] ?? 0 } : own;
  return nullable === true ? { anyOf: [bounded, { type: 'null' }] } : bounded;
}

function plainValue(value: Json): Json {
  if (Array.isArray(value)) return value.map((each: Json) => plainValue(each));
  return isObject(value) ? plain(value) : value;
}

function example(name: string): { flat: TesTaskDocument; structured: JsonObject } {
  return {
    flat: parseTask(JSON.parse(exampleText(`${name}.json`)), { maxContentBytes: 2 ** 20 }),
    structured: JSON.parse(exampleText(`${name}.structured.json`)),
  };
}

function exampleText(file: string): string {
  return readFileSync(join(FOLDER, 'examples', file), 'utf8');
}

describe('the overlay', () => {
  test('is one of version 1.0.0, and all of it finds its place in the document of TES', () => {
    const { overlay: version, info, actions } = overlay();
    expect(version).toBe('1.0.0');
    expect(info).toEqual({ title: expect.any(String), version: expect.any(String) });
    expect(actions).toHaveLength(3);
    for (const name of ['tesSandbox', 'tesTaskSandbox'])
      expect(() => schemaAt(`/components/schemas/${name}`)).not.toThrow();
  });

  test('takes what it should, and nothing else', () => {
    const schema = schemaAt('/components/schemas/tesTaskSandbox');
    expect(
      Value.Check(schema, { privilege: 'nonroot', timeout_seconds: null, network: { mode: 'none' } }),
    ).toBe(true);
    for (const wrong of [
      { privilege: 'host' },
      { colour: 'red' },
      { timeout_seconds: 0 },
      { pids: 0 },
      { network: { egress: ['a.org:443'] } },
      { network: { mode: 'egress', egress: [] } },
      { network: { mode: 'egress', egress: ['https://a.org'] } },
      { compat: ['sys_admin'] },
    ])
      expect([wrong, Value.Check(schema, wrong)]).toEqual([wrong, false]);
    expect(Value.Check(schemaAt('/components/schemas/tesSandbox'), { timeout_seconds: 5 })).toBe(false);
  });
});

describe.each(EXAMPLES)('the example %s', (name) => {
  test('is granted by a site that grants all', () => {
    const { flat } = example(name);
    const ceilings = {
      profile: 'mapped-root',
      network: 'open',
      egress: [ANYWHERE],
      compat: ['ptrace'],
    } as const;
    const site = { ...DEFAULT_SITE_POLICY, ceilings };
    expect(resolve(admissionRequest(flat, undefined, { site, abilities: ALL_ABILITIES })).refusals).toEqual(
      [],
    );
  });

  test('has a structured form that the overlay takes, and that means the same', () => {
    const { flat, structured } = example(name);
    const forAll = schemaAt('/components/schemas/tesTaskSandbox');
    const forOne = schemaAt('/components/schemas/tesSandbox');
    const { resources, executors } = structured;
    const own = isObject(resources) ? resources['sandbox'] : undefined;
    const each = Array.isArray(executors)
      ? executors.map((executor: Json) => (isObject(executor) ? executor['sandbox'] : undefined))
      : [];
    expect(own).toBeDefined();
    expect(Value.Check(forAll, own)).toBe(true);
    for (const sandbox of each) if (sandbox !== undefined) expect(Value.Check(forOne, sandbox)).toBe(true);
    const parameters = Object.fromEntries([
      ...flattened(own, ''),
      ...each.flatMap((sandbox: Json | undefined, index: number) => flattened(sandbox, `.${index}`)),
    ]);
    const same = { executors: flat.executors, resources: { backend_parameters: parameters } };
    expect(meaning(same)).toEqual(meaning(flat));
  });
});

/** By the table of the document: a structured request in flat keys. */
function flattened(sandbox: Json | undefined, suffix: string): [string, string][] {
  if (!isObject(sandbox)) return [];
  return Object.entries(sandbox).flatMap(([name, value]): [string, string][] => {
    if (name === 'timeout_seconds')
      return [[`sandbox_timeout${suffix}`, value === null ? 'none' : `${textOf(value)}s`]];
    if (name === 'network' && isObject(value)) {
      const { mode, egress } = value;
      const list: [string, string][] = Array.isArray(egress)
        ? [[`sandbox_egress${suffix}`, egress.join(',')]]
        : [];
      return [[`sandbox_network${suffix}`, textOf(mode)], ...list];
    }
    return [[`sandbox_${name}${suffix}`, Array.isArray(value) ? value.join(',') : textOf(value)]];
  });
}

/** What is asked for, wherever it is written. */
function meaning(task: TesTaskDocument): object {
  const { request, refusals } = parseRequest(task, PROFILES);
  expect(refusals).toEqual([]);
  return {
    all: valuesOf(request.task),
    ...Object.fromEntries([...request.executors].map(([index, asks]) => [index, valuesOf(asks)])),
  };
}

function valuesOf({ fields, profile }: Asks): object {
  const entries = Object.entries(fields).map(([name, { value }]) => [name, value]);
  return { ...Object.fromEntries(entries), ...(profile && { profile: profile.value }) };
}

test('the document names every key, and every value that is a word', () => {
  const page = readFileSync(join(FOLDER, 'README.md'), 'utf8');
  for (const key of SUPPORTED_PARAMETERS) expect(page).toContain(`\`${key}\``);
  for (const field of ['isolation', 'privilege', 'network', 'rootfs'] as const)
    for (const word of SCALES[field].expectation.replace('one of ', '').split(', '))
      expect(page).toContain(`\`${word}\``);
});

function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

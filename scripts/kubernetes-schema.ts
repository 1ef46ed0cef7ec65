/**
 * Writes test/kubernetes/golden/openapi.json, by which the tests judge what is compiled for Kubernetes: of the
 * OpenAPI documents that Kubernetes publishes, the schemas of a Pod and a NetworkPolicy with all that they refer to, without
 * the prose. To be run with the folder `api/openapi-spec/v3` of a release of Kubernetes, and its version:
 * `node scripts/kubernetes-schema.ts FOLDER v1.37.0`.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

interface OpenApi {
  readonly components: { readonly schemas: Readonly<Record<string, Json>> };
}

const SOURCES = [
  { file: 'api__v1_openapi.json', root: 'io.k8s.api.core.v1.Pod' },
  { file: 'apis__networking.k8s.io__v1_openapi.json', root: 'io.k8s.api.networking.v1.NetworkPolicy' },
];

const [folder, version] = process.argv.slice(2);
if (folder === undefined || version === undefined) {
  process.stderr.write('usage: node scripts/kubernetes-schema.ts FOLDER VERSION\n');
  process.exitCode = 2;
} else {
  const schemas = Object.assign({}, ...SOURCES.map(({ file, root }) => reachable(join(folder, file), root)));
  const target = join(import.meta.dirname, '..', 'test', 'kubernetes', 'golden');
  mkdirSync(target, { recursive: true });
  writeFileSync(
    join(target, 'openapi.json'),
    `${JSON.stringify({ source: `Kubernetes ${version}, api/openapi-spec/v3, Apache License 2.0`, components: { schemas } })}\n`,
  );
}

function reachable(file: string, root: string): Record<string, Json> {
  const { components }: OpenApi = JSON.parse(readFileSync(file, 'utf8'));
  const found: Record<string, Json> = {};
  const waiting = [root];
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    const schema = components.schemas[name];
    if (schema === undefined) throw new Error(`${file} has no ${name}`);
    if (found[name] === undefined) found[name] = withoutProse(schema, waiting);
  }
  return found;
}

/** Collects the names of what is referred to. A property may be called `description`, too. */
function withoutProse(value: Json, references: string[]): Json {
  if (Array.isArray(value)) return value.map((each) => withoutProse(each, references));
  if (value === null || typeof value !== 'object') return value;
  const { $ref } = value;
  if (typeof $ref === 'string') references.push($ref.slice($ref.lastIndexOf('/') + 1));
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key, member]) => key !== 'description' || typeof member !== 'string')
      .map(([key, member]) => [key, withoutProse(member, references)]),
  );
}

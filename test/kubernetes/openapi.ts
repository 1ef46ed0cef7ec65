import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Compile } from 'typebox/schema';

/**
 * What Kubernetes' own OpenAPI schema has against an object, each with its JSON pointer. Stricter than it: a field that it
 * doesn't know is a problem too, as `kubectl --validate=strict` has it. See scripts/kubernetes-schema.ts.
 */
export function schemaProblems(kind: 'Pod' | 'NetworkPolicy', object: unknown): string[] {
  // Through JSON, as it would be sent.
  const sent: unknown = JSON.parse(JSON.stringify(object));
  const [, errors] = VALIDATORS[kind].Errors(sent);
  return errors.map(({ instancePath, message }) => `${instancePath}: ${message}`);
}

type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

const document: Record<string, Json> = JSON.parse(
  readFileSync(join(import.meta.dirname, 'golden', 'openapi.json'), 'utf8'),
);

const VALIDATORS = {
  Pod: validatorOf('io.k8s.api.core.v1.Pod'),
  NetworkPolicy: validatorOf('io.k8s.api.networking.v1.NetworkPolicy'),
};

function validatorOf(name: string): ReturnType<typeof Compile> {
  return Compile({ components: closed(document['components'] ?? {}), $ref: `#/components/schemas/${name}` });
}

/** With no room for what isn't named. */
function closed(value: Json): Json {
  if (Array.isArray(value)) return value.map(closed);
  if (value === null || typeof value !== 'object') return value;
  const members = Object.fromEntries(Object.entries(value).map(([key, member]) => [key, closed(member)]));
  const isOpen = value['type'] === 'object' && 'properties' in value && !('additionalProperties' in value);
  return isOpen ? { ...members, additionalProperties: false } : members;
}

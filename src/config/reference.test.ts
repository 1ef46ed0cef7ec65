import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { configJsonSchema } from './json-schema.ts';
import { dotted, everyKey } from './key-path.ts';
import { configReference } from './reference.ts';
import { configTree } from './schema.ts';

test('the page in docs/ is what the schema generates', () => {
  const page = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8');
  expect(page, 'run node scripts/config-reference.ts').toBe(configReference());
});

test('every key has a description, and a default or a word about its absence', () => {
  for (const { path, node } of everyKey(configTree)) expect(node.description, dotted(path)).toMatch(/\w/);
});

test('the JSON Schema is plain JSON and demands no key', () => {
  const schema = configJsonSchema();
  expect(JSON.parse(JSON.stringify(schema))).toMatchObject({ type: 'object', additionalProperties: false });
  expect(JSON.stringify(schema)).not.toContain('~kind');
  const required = [...JSON.stringify(schema).matchAll(/"required":\[[^\]]*\]/g)].map(([found]) => found);
  expect(required).toEqual([
    '"required":["location"]',
    '"required":["prefix"]',
    '"required":["path"]',
    '"required":["id"]',
  ]);
});

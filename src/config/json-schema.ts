import { namedItem } from './key-path.ts';
import type { SchemaNode } from './key-path.ts';
import { configTree } from './schema.ts';

/** The configuration's JSON Schema (draft 2020-12), for editors and checkers: only what has no default is required. */
export function configJsonSchema(): Record<string, unknown> {
  return { $schema: 'https://json-schema.org/draft/2020-12/schema', ...withoutDefaulted(configTree) };
}

/** The schema describes what the program reads, where every key with a default is there. */
function withoutDefaulted(node: SchemaNode): SchemaNode {
  if (node.items !== undefined) return { ...node, items: withoutDefaulted(node.items) };
  const named = namedItem(node);
  if (named !== undefined) return { ...node, additionalProperties: withoutDefaulted(named) };
  if (node.properties === undefined) return { ...node };
  const { required = [], ...rest } = node;
  const properties = Object.entries(node.properties);
  const mustBeGiven = properties.filter(([name, child]) => required.includes(name) && !hasDefault(child));
  return {
    ...rest,
    properties: Object.fromEntries(properties.map(([name, child]) => [name, withoutDefaulted(child)])),
    ...(mustBeGiven.length === 0 ? {} : { required: mustBeGiven.map(([name]) => name) }),
  };
}

function hasDefault(node: SchemaNode): boolean {
  return node.default !== undefined || node['x-below-data'] !== undefined || node.properties !== undefined;
}

import { namedItem } from './key-path.ts';
import type { SchemaNode } from './key-path.ts';

/** What may be written for a key, for people: `a whole number from 0 to 65535`. */
export function expectation(node: SchemaNode): string {
  if (node.properties !== undefined) return 'a group of keys';
  if (node.items !== undefined) return `a list, each item ${expectation(node.items)}`;
  const named = namedItem(node);
  if (named !== undefined) return `a group of names, under each ${expectation(named)}`;
  if (node.enum !== undefined) return `one of ${node.enum.map(String).join(', ')}`;
  if (node.anyOf !== undefined) return node.anyOf.map(expectation).join(' or ');
  if (node.const !== undefined) return JSON.stringify(node.const).replaceAll('"', '');
  switch (node['x-value']) {
    case 'duration':
      return 'a duration with its unit (250ms, 30s, 90m, 12h, 30d)';
    case 'duration-or-none':
      return 'a duration with its unit (250ms, 30s, 90m, 12h, 30d) or none';
    case 'size':
      return `a size (512MB, 10GiB)${node.minimum === undefined || node.minimum === 0 ? '' : ` of at least ${node.minimum} bytes`}`;
    case 'size-or-none':
      return 'a size (512MB, 10GiB) or none';
    case 'size-or-percent':
      return 'a size (512MB, 10GiB), a percentage (5%) or none';
    case 'path':
      return 'a path';
    case 'path-or-word':
      return `${(node['x-words'] ?? []).join(', ')} or a path with a slash in it`;
    case undefined:
    default:
      return plainExpectation(node);
  }
}

function plainExpectation(node: SchemaNode): string {
  if (node.type === 'boolean') return 'true or false';
  if (node.type === 'integer') return `a whole number${bounds(node)}`;
  if (node.type === 'number') return `a number${bounds(node)}`;
  return node.pattern === undefined ? 'text' : `text of the form ${node.pattern}`;
}

function bounds(node: SchemaNode): string {
  if (node.exclusiveMinimum !== undefined) return ` above ${node.exclusiveMinimum}`;
  if (node.minimum === undefined) return '';
  return node.maximum === undefined
    ? ` of at least ${node.minimum}`
    : ` from ${node.minimum} to ${node.maximum}`;
}

import { join, resolve } from 'node:path';
import { Value } from 'typebox/value';
import { dotted, isRecord, namedItem, nodeAt, ownProperty } from './key-path.ts';
import type { KeyPath, SchemaNode } from './key-path.ts';
import { expectation } from './expectation.ts';
import { parseDuration } from '../sandbox/duration.ts';
import { parsePercent, parseSize } from './quantity.ts';
import { nearest } from './suggestion.ts';

export interface Fault {
  readonly path: KeyPath;
  readonly problem: string;
  /** Where it was written: a file with its line, a variable, an option. */
  readonly origin?: string;
}

/** Where values come from that are read together. */
export interface Source {
  /** Relative paths start at this folder. */
  readonly base: string;
  originOf(path: KeyPath): string;
}

/**
 * Reads what was written for one key, and for all below it: texts become milliseconds, bytes and absolute paths.
 * Keys that were left out stay so, except inside lists, whose items are completed. What is wrong is added to
 * `faults`, and is undefined in the result.
 */
export function readValue(
  node: SchemaNode,
  written: unknown,
  path: KeyPath,
  source: Source,
  faults: Fault[],
): unknown {
  if (written === null || written === undefined) return undefined;
  if (node.properties !== undefined) return readGroup(node, node.properties, written, path, source, faults);
  if (node.items !== undefined) return readList(node, node.items, written, path, source, faults);
  const item = namedItem(node);
  if (item !== undefined) return readNamed(node, item, written, path, source, faults);
  const read = readLeaf(node, written, source.base);
  if (read === undefined) {
    const hint = typeof written === 'number' && node.type === 'string' ? '; put it in quotes' : '';
    faults.push({
      path,
      origin: source.originOf(path),
      problem: `${shown(written)} is not ${expectation(node)}${hint}`,
    });
  }
  return read?.value;
}

/** Fills in the defaults of everything that was left out. `data` is the data folder, below which some defaults lie. */
export function complete(node: SchemaNode, value: unknown, base: string, data: string): unknown {
  // Null is a value: it is what `none` is read as.
  if (node.properties === undefined) return value === undefined ? defaultOf(node, base, data) : value;
  const given = isRecord(value) ? value : {};
  const result: Record<string, unknown> = {};
  for (const [name, child] of Object.entries(node.properties)) {
    const completed = complete(child, given[name], base, data);
    if (completed !== undefined) result[name] = completed;
  }
  return result;
}

function defaultOf(node: SchemaNode, base: string, data: string): unknown {
  const below = node['x-below-data'];
  if (below !== undefined) return join(data, below);
  if (node.items !== undefined && Array.isArray(node.default)) {
    const { items } = node;
    return node.default.map((item) => readLeaf(items, item, base)?.value);
  }
  return readLeaf(node, node.default, base)?.value;
}

function readGroup(
  node: SchemaNode,
  properties: Readonly<Record<string, SchemaNode>>,
  written: unknown,
  path: KeyPath,
  source: Source,
  faults: Fault[],
): unknown {
  if (!isRecord(written)) return mistaken(node, written, path, source, faults);
  const result: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(written)) {
    const at = [...path, name];
    const child = ownProperty(properties, name);
    if (child === undefined) {
      faults.push({
        path: at,
        origin: source.originOf(at),
        problem: unknownKey(name, path, Object.keys(properties)),
      });
      continue;
    }
    const read = readValue(child, value, at, source, faults);
    if (read !== undefined) result[name] = read;
  }
  return result;
}

function readList(
  node: SchemaNode,
  items: SchemaNode,
  written: unknown,
  path: KeyPath,
  source: Source,
  faults: Fault[],
): unknown {
  if (!Array.isArray(written)) return mistaken(node, written, path, source, faults);
  const faultsBefore = faults.length;
  const read = written.map((item: unknown, index) => readItem(items, item, [...path, index], source, faults));
  return faults.length > faultsBefore ? undefined : read;
}

/** A fault, and nothing in place of what was written. */
function mistaken(
  node: SchemaNode,
  written: unknown,
  path: KeyPath,
  source: Source,
  faults: Fault[],
): undefined {
  faults.push({
    path,
    origin: source.originOf(path),
    problem: `${shown(written)} is not ${expectation(node)}`,
  });
}

/** Groups under names that the operator chooses; each is complete, as an item of a list is. */
function readNamed(
  node: SchemaNode,
  item: SchemaNode,
  written: unknown,
  path: KeyPath,
  source: Source,
  faults: Fault[],
): unknown {
  if (!isRecord(written)) return mistaken(node, written, path, source, faults);
  const pattern = node.propertyNames?.pattern ?? '';
  const entries = Object.entries(written).map(([name, value]): [string, unknown] => {
    const at = [...path, name];
    if (!new RegExp(pattern, 'u').test(name))
      faults.push({ path: at, origin: source.originOf(at), problem: `is not a name of the form ${pattern}` });
    return [name, readItem(item, value ?? {}, at, source, faults)];
  });
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}

function readItem(items: SchemaNode, item: unknown, path: KeyPath, source: Source, faults: Fault[]): unknown {
  const faultsBefore = faults.length;
  const read = readValue(items, item, path, source, faults);
  if (faults.length > faultsBefore) return undefined;
  if (read === undefined) {
    faults.push({ path, origin: source.originOf(path), problem: `is empty: give ${expectation(items)}` });
    return undefined;
  }
  // Only list items have keys that must be given; groups outside of lists have a default for each.
  for (const name of items.required ?? []) {
    const child = nodeAt(items, [name]);
    const mustBeGiven = child !== undefined && child.default === undefined && child.properties === undefined;
    if (mustBeGiven && isRecord(read) && read[name] === undefined) {
      const problem = `is missing: give ${expectation(child)}`;
      faults.push({ path: [...path, name], origin: source.originOf(path), problem });
    }
  }
  return complete(items, read, source.base, source.base);
}

function readLeaf(node: SchemaNode, written: unknown, base: string): { value: unknown } | undefined {
  const kind = node['x-value'];
  if (kind === undefined) return Value.Check(node, written) ? { value: written } : undefined;
  if (typeof written === 'number' && kind.startsWith('size')) {
    return Number.isSafeInteger(written) ? atLeast(node, written) : undefined;
  }
  if (typeof written !== 'string' || written === '') return undefined;
  switch (kind) {
    case 'duration':
      return atLeast(node, parseDuration(written));
    case 'duration-or-none':
      return written === 'none' ? { value: null } : atLeast(node, parseDuration(written));
    case 'size':
      return atLeast(node, parseSize(written));
    case 'size-or-none':
      return written === 'none' ? { value: null } : atLeast(node, parseSize(written));
    case 'size-or-percent': {
      if (written === 'none') return { value: null };
      const percent = parsePercent(written);
      return percent === undefined ? atLeast(node, parseSize(written)) : { value: { percent } };
    }
    case 'path':
      return written.includes('\0') ? undefined : { value: resolve(base, written) };
    case 'path-or-word':
    default:
      if (node['x-words']?.includes(written)) return { value: written };
      return written.includes('/') && !written.includes('\0') ? { value: resolve(base, written) } : undefined;
  }
}

function atLeast(node: SchemaNode, value: number | undefined): { value: number } | undefined {
  return value === undefined || value < (node.minimum ?? 0) ? undefined : { value };
}

function unknownKey(name: string, above: KeyPath, known: readonly string[]): string {
  const near = nearest(name, known);
  if (near !== undefined) return `is not a known key: did you mean ${dotted([...above, near])}?`;
  return `is not a known key: known here are ${known.join(', ')}`;
}

function shown(value: unknown): string {
  const json = JSON.stringify(value) ?? String(value);
  return json.length > 80 ? `${json.slice(0, 77)}…` : json;
}

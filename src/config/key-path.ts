import type { ValueKind } from './vocabulary.ts';

/** What the loader reads of a schema: JSON Schema with the keywords of the vocabulary. */
export interface SchemaNode {
  /** By this name TypeBox remembers the static type; it is in no document. */
  readonly '~unsafe'?: unknown;
  readonly title?: string;
  readonly description?: string;
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly required?: readonly string[] | undefined;
  readonly items?: SchemaNode;
  /** Of a group of names that the operator chooses, what stands under each; `false` of a group of keys. */
  readonly additionalProperties?: SchemaNode | boolean;
  readonly propertyNames?: { readonly pattern: string };
  readonly anyOf?: readonly SchemaNode[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly minLength?: number;
  readonly pattern?: string;
  readonly 'x-value'?: ValueKind;
  readonly 'x-words'?: readonly string[];
  readonly 'x-below-data'?: string;
}

/** Where a key stands: names of keys, and positions in lists. */
export type KeyPath = readonly (string | number)[];

/** As people write it: `storage.file.roots[0].path`. */
export function dotted(path: KeyPath): string {
  return path
    .map((part, at) => (typeof part === 'number' ? `[${part}]` : at === 0 ? part : `.${part}`))
    .join('');
}

/** The reverse of `dotted`. */
export function undotted(path: string): KeyPath {
  return [...path.matchAll(/\[(\d+)\]|[^.[\]]+/g)].map(([part, index]) =>
    index === undefined ? part : Number(index),
  );
}

/** As a JSON pointer (RFC 6901). */
export function pointer(path: KeyPath): string {
  return path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

/** What stands under each name, where the operator chooses the names. */
export function namedItem({ additionalProperties: item }: SchemaNode): SchemaNode | undefined {
  return typeof item === 'object' ? item : undefined;
}

/** The schema of a key; undefined where there is no such key. */
export function nodeAt(root: SchemaNode, path: readonly string[]): SchemaNode | undefined {
  let node: SchemaNode | undefined = root;
  for (const part of path)
    node = node?.properties === undefined ? undefined : ownProperty(node.properties, part);
  return node;
}

/** Every key outside of lists that holds a value, and every group, in the order of the schema. */
export function everyKey(
  root: SchemaNode,
  above: readonly string[] = [],
): { path: string[]; node: SchemaNode }[] {
  return Object.entries(root.properties ?? {}).flatMap(([name, node]) => {
    const path = [...above, name];
    return [{ path, node }, ...everyKey(node, path)];
  });
}

export function ownProperty<T>(record: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

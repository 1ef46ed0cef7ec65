import { pointerTo } from './faults.ts';
import type { Faults } from './faults.ts';
import type { Keywords, Schema, Static } from './schema.ts';

/** What is left of a document of which any part may have been at fault. */
export type Draft<T> = T extends readonly (infer Item)[]
  ? readonly (Draft<Item> | undefined)[]
  : T extends object
    ? { readonly [Key in keyof T]?: Draft<T[Key]> | undefined }
    : T;

/**
 * Reads a value by its schema as real clients send it: a field that the schema doesn't name is dropped, and so is
 * one that is null where it may be left out, and a null in a map of strings. A wrong type, and a required field
 * that is missing or null, is a fault; all are found, and undefined stands in place of what was at fault. The
 * result holds nothing that the schema doesn't name, and fits the schema where no fault was added.
 */
export function readShape(keywords: Keywords, value: unknown, field: string, faults: Faults): unknown {
  const { type, items, properties, additionalProperties } = keywords;
  if (type === 'object' && properties !== undefined)
    return readObject(keywords, properties, value, field, faults);
  if (type === 'object' && typeof additionalProperties === 'object')
    return readMap(additionalProperties, value, field, faults);
  if (type === 'array' && items !== undefined) return readArray(items, value, field, faults);
  return readScalar(keywords, value, field, faults);
}

/** Whether a value is what a schema describes: of the keywords, what the schemas of this folder are made of. */
export function fits<S extends Schema>(schema: S, value: unknown): value is Static<S> {
  return isOf(schema, value);
}

function isOf(
  { type, items, properties, required = [], additionalProperties, enum: choices }: Keywords,
  value: unknown,
): boolean {
  if (choices !== undefined && !choices.includes(value)) return false;
  if (type === 'array')
    return Array.isArray(value) && (items === undefined || value.every((item) => isOf(items, item)));
  if (type === 'integer') return Number.isInteger(value);
  if (type !== 'object') return type === typeof value;
  if (!isObject(value) || required.some((name) => !Object.hasOwn(value, name))) return false;
  return Object.entries(value).every(([name, member]) => {
    const keywords = properties?.[name] ?? additionalProperties;
    return typeof keywords !== 'object' || isOf(keywords, member);
  });
}

function readObject(
  schema: Keywords,
  properties: Readonly<Record<string, Keywords>>,
  value: unknown,
  field: string,
  faults: Faults,
): unknown {
  if (!isObject(value)) return wrongType('an object', value, field, faults);
  const members: [string, unknown][] = [];
  for (const [name, member] of Object.entries(properties)) {
    const given = Object.hasOwn(value, name) ? value[name] : undefined;
    if (given !== undefined && given !== null) {
      members.push([name, readShape(member, given, pointerTo(field, name), faults)]);
    } else if (schema.required?.includes(name) === true) {
      faults.add(field, name, given === null ? 'is required, and is null' : 'is required, and is missing');
    }
  }
  return Object.fromEntries(members);
}

function readMap(member: Keywords, value: unknown, field: string, faults: Faults): unknown {
  if (!isObject(value)) return wrongType('an object', value, field, faults);
  const members = Object.entries(value)
    .filter(([, given]) => given !== null)
    .map(([name, given]) => [name, readShape(member, given, pointerTo(field, name), faults)] as const);
  // `fromEntries` makes own properties, also of a key such as `__proto__`.
  return Object.fromEntries(members);
}

function readArray(item: Keywords, value: unknown, field: string, faults: Faults): unknown {
  if (!Array.isArray(value)) return wrongType('an array', value, field, faults);
  return value.map((given: unknown, index) => readShape(item, given, pointerTo(field, index), faults));
}

function readScalar(schema: Keywords, value: unknown, field: string, faults: Faults): unknown {
  if (schema.type !== typeof value) return wrongType(`a ${schema.type}`, value, field, faults);
  if (value === Infinity || value === -Infinity) {
    // What `JSON.parse` makes of 1e999.
    faults.addAt(field, 'is a number beyond what can be stored');
    return undefined;
  }
  if (schema.enum === undefined || schema.enum.includes(value)) return value;
  faults.addAt(field, `must be one of ${schema.enum.join(', ')}, not ${JSON.stringify(value).slice(0, 80)}`);
  return undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function wrongType(expected: string, value: unknown, field: string, faults: Faults): undefined {
  faults.addAt(
    field,
    `must be ${expected}, ${value === undefined ? 'and is missing' : `not ${described(value)}`}`,
  );
}

function described(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

/**
 * The words in which the sections declare their keys. Each is a JSON Schema for what an operator writes, typed as
 * what the program reads: a `duration` is written `90m` and read as milliseconds. The keyword `x-value` says how
 * a text becomes that value.
 */
import { Type } from 'typebox';
import type { Static, TProperties, TSchema } from 'typebox';
import type { Milliseconds } from '../sandbox/duration.ts';
import type { Bytes, SizeOrPercent } from './quantity.ts';

export const VALUE_KINDS = [
  'duration',
  'duration-or-none',
  'size',
  'size-or-none',
  'size-or-percent',
  'path',
  'path-or-word',
] as const;
export type ValueKind = (typeof VALUE_KINDS)[number];

/** A group of keys. Every key has a default or may be absent, so that the group may be left out. */
export function section<T extends TProperties>(description: string, properties: T) {
  return Type.Object(properties, { description, additionalProperties: false });
}

/** Read as milliseconds. */
export function duration(description: string, written?: string) {
  return Type.Unsafe<Milliseconds>({
    type: 'string',
    description,
    'x-value': 'duration',
    examples: ['90m'],
    ...withDefault(written),
  });
}

/** Read as milliseconds, or null for `none`. */
export function durationOrNone(description: string, written?: string) {
  return Type.Unsafe<Milliseconds | null>({
    type: 'string',
    description,
    'x-value': 'duration-or-none',
    examples: ['12h', 'none'],
    ...withDefault(written),
  });
}

/** Read as bytes. */
export function size(description: string, written: string | undefined, limits: { minimum?: Bytes } = {}) {
  return Type.Unsafe<Bytes>({
    type: ['string', 'integer'],
    description,
    'x-value': 'size',
    examples: ['10GiB'],
    minimum: limits.minimum ?? 0,
    ...withDefault(written),
  });
}

/** Read as bytes, or null for `none`. */
export function sizeOrNone(description: string, written: string) {
  return Type.Unsafe<Bytes | null>({
    type: ['string', 'integer'],
    description,
    'x-value': 'size-or-none',
    examples: ['10GiB', 'none'],
    minimum: 0,
    default: written,
  });
}

/** Of something that has a size itself: read as bytes, or as a percentage of it; null for `none`. */
export function sizeOrPercent(description: string, written: string) {
  return Type.Unsafe<SizeOrPercent | null>({
    type: ['string', 'integer'],
    description,
    'x-value': 'size-or-percent',
    examples: ['10GiB', '5%', 'none'],
    minimum: 0,
    default: written,
  });
}

/** Read as an absolute path: relative ones start at the configuration file's folder. */
export function path(description: string, written?: string) {
  return Type.Unsafe<string>({
    type: 'string',
    minLength: 1,
    description,
    'x-value': 'path',
    ...withDefault(written),
  });
}

/** A path that, where it is left out, lies below `data`. */
export function pathBelowData(description: string, below: string) {
  return Type.Unsafe<string>({
    type: 'string',
    minLength: 1,
    description,
    'x-value': 'path',
    'x-below-data': below,
  });
}

/** One of some words, or else a path; read as the word or as an absolute path. A path has a slash in it. */
export function pathOrWord(description: string, words: readonly string[], written: string) {
  return Type.Unsafe<string>({
    type: 'string',
    minLength: 1,
    description,
    'x-value': 'path-or-word',
    'x-words': words,
    default: written,
  });
}

/** `auto`, or a whole number. */
export function autoOrInteger(description: string, minimum: number) {
  return Type.Unsafe<'auto' | number>({
    anyOf: [{ const: 'auto' }, { type: 'integer', minimum }],
    description,
    default: 'auto',
  });
}

export function text(
  description: string,
  written?: string,
  limits: { pattern?: string; format?: string } = {},
) {
  return Type.Unsafe<string>({
    type: 'string',
    minLength: 1,
    description,
    ...limits,
    ...withDefault(written),
  });
}

export function flag(description: string, written: boolean) {
  return Type.Boolean({ description, default: written });
}

export function whole(
  description: string,
  written: number | undefined,
  limits: { minimum: number; maximum?: number },
) {
  return Type.Unsafe<number>({ type: 'integer', description, ...limits, ...withDefault(written) });
}

/** A number that may have a fraction, above zero. */
export function amount(description: string, written?: number) {
  return Type.Unsafe<number>({ type: 'number', exclusiveMinimum: 0, description, ...withDefault(written) });
}

export function choice<const T extends string>(
  description: string,
  values: readonly T[],
  written?: NoInfer<T>,
) {
  return Type.Unsafe<T>({ type: 'string', enum: values, description, ...withDefault(written) });
}

/** Lists of different origins are never merged: the one of highest precedence stands. */
export function list<T extends TSchema>(description: string, items: T, written: readonly unknown[] = []) {
  return Type.Array(items, { description, default: written });
}

/** A list that says something by being there: without one, another key decides. An empty one is a list of nothing. */
export function optionalList<T extends TSchema>(description: string, items: T) {
  return Type.Optional(Type.Array(items, { description }));
}

/** Groups of the same keys by names that the operator chooses. */
export function group<T extends TSchema>(description: string, name: string, item: T) {
  return Type.Unsafe<Record<string, Static<T>>>({
    type: 'object',
    description,
    propertyNames: { pattern: name },
    additionalProperties: item,
    default: {},
  });
}

function withDefault(written: unknown): { default?: unknown } {
  return written === undefined ? {} : { default: written };
}

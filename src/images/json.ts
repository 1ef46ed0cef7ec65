import { BulkheadError } from '../errors.ts';

/** A JSON object from outside, of which nothing is known yet. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** `what` names the document in the error. Throws `image-invalid` where the bytes aren't a JSON object. */
export function parseJsonObject(bytes: Uint8Array, what: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new BulkheadError('image-invalid', `${what} isn't JSON in UTF-8.`, { cause });
  }
  if (!isObject(value)) throw new BulkheadError('image-invalid', `${what} isn't a JSON object.`);
  return value;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A present string; null counts as absent, as Go's encoders write it. Throws `image-invalid` for another type. */
export function optionalString(object: JsonObject, key: string, what: string): string | undefined {
  const value = object[key] ?? undefined;
  if (value !== undefined && typeof value !== 'string') {
    throw new BulkheadError(
      'image-invalid',
      `${what}: ${key} must be a string, not ${JSON.stringify(value).slice(0, 60)}.`,
    );
  }
  return value;
}

export function optionalObject(object: JsonObject, key: string, what: string): JsonObject {
  const value = object[key] ?? {};
  if (!isObject(value)) throw new BulkheadError('image-invalid', `${what}: ${key} must be an object.`);
  return value;
}

export function optionalArray(object: JsonObject, key: string, what: string): readonly unknown[] {
  const value = object[key] ?? [];
  if (!Array.isArray(value)) throw new BulkheadError('image-invalid', `${what}: ${key} must be an array.`);
  return value;
}

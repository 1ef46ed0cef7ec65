import { expect, test } from 'vitest';
import { Type } from '../tes/schema.ts';
import { serializerOf } from './serializer.ts';

const item = Type.Object({ name: Type.String(), size: Type.Optional(Type.Integer()) }, { $id: 'item' });
const answer = Type.Object({
  items: Type.Array(Type.Unsafe<unknown>({ $ref: 'item#' })),
  tags: Type.Optional(Type.Unsafe<object>({ type: 'object', additionalProperties: { type: 'string' } })),
  limit: Type.Optional(Type.Unsafe<unknown>({ ...item, nullable: true })),
});
const serialize = serializerOf(answer, { item });

test('what the schema names is written, at every depth, and nothing else', () => {
  const value = {
    items: [{ name: 'a"\u2028', size: 2.7, secret: 1 }, { name: 'b' }],
    tags: { any: 'thing' },
    limit: null,
    secret: { of: 'the server' },
  };
  expect(JSON.parse(serialize(value))).toEqual({
    items: [{ name: 'a"\u2028', size: 2 }, { name: 'b' }],
    tags: { any: 'thing' },
    limit: null,
  });
});

test.each<[string, unknown, string]>([
  ['nothing at all', undefined, 'answer is to be an object'],
  ['an answer without what is required', {}, 'answer lacks items'],
  ['an object in place of an array', { items: {} }, 'items is to be an array'],
  ['an item without what is required', { items: [{ size: 1 }] }, 'items lacks name'],
  ['null where it is not allowed', { items: [null] }, 'items is to be an object'],
])('%s is the fault of the server', (_what, value, message) => {
  expect(() => serialize(value)).toThrow(message);
});

test('a schema that nobody made known is found out at the start', () => {
  expect(() => serializerOf({ $ref: 'other#' }, { item })).toThrow('no schema is called other#');
});

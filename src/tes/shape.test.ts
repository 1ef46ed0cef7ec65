import { expect, test } from 'vitest';
import { taskDocument } from './document-schema.ts';
import { Type } from './schema.ts';
import { fits } from './shape.ts';

const EXECUTOR = { image: 'busybox', command: ['true'] };

test.each<[string, unknown]>([
  ['the least', { executors: [EXECUTOR] }],
  ['a map', { executors: [{ ...EXECUTOR, env: { A: 'b' } }], tags: { a: '' } }],
  ['an optional choice', { executors: [EXECUTOR], inputs: [{ path: '/a', type: 'DIRECTORY' }] }],
])('a task with %s fits the schema of tasks', (_what, task) => {
  expect(fits(taskDocument, task)).toBe(true);
});

test.each<[string, unknown]>([
  ['null', null],
  ['an array', [EXECUTOR]],
  ['a task without what is required', { name: 'a' }],
  ['an array in place of an object', { executors: [[]] }],
  ['an object in place of an array', { executors: { 0: EXECUTOR } }],
  ['a wrong item', { executors: [{ ...EXECUTOR, command: ['true', 1] }] }],
  ['a wrong member of a map', { executors: [EXECUTOR], tags: { a: 1 } }],
  ['what is none of the choices', { executors: [EXECUTOR], inputs: [{ path: '/a', type: 'FIFO' }] }],
  ['an undefined optional field', { executors: [EXECUTOR], name: undefined }],
  ['a prototype in place of own fields', Object.create({ executors: [EXECUTOR] })],
])('%s does not', (_what, task) => {
  expect(fits(taskDocument, task)).toBe(false);
});

test('an optional property is in the schema as every other, and not required', () => {
  expect(
    JSON.parse(JSON.stringify(Type.Object({ a: Type.Optional(Type.Integer()), b: Type.Integer() }))),
  ).toEqual({
    type: 'object',
    required: ['b'],
    properties: { a: { type: 'integer' }, b: { type: 'integer' } },
  });
});

import { describe, expect, test } from 'vitest';
import { either, exactly, flag, integer, listOf, number, oneOf, type Shape, text } from './shape.ts';

const person = exactly({ name: text(5, /^[a-z]+$/) }, { age: integer(0, 150), isKnown: flag });

describe('a shape', () => {
  test.each<[string, Shape, unknown, string | undefined]>([
    ['an object of its members', person, { name: 'ada', age: 36, isKnown: true }, undefined],
    ['an object without the optional ones', person, { name: 'ada' }, undefined],
    ['a member that is missing', person, { age: 36 }, '/x must have name'],
    ['a member that nobody asked for', person, { name: 'ada', root: 1 }, '/x must not have "root"'],
    [
      'a member of the wrong type',
      person,
      { name: 'ada', age: '36' },
      '/x/age must be an integer from 0 to 150',
    ],
    [
      'an optional member that is null',
      person,
      { name: 'a', isKnown: null },
      '/x/isKnown must be true or false',
    ],
    ['a list for an object', person, [], '/x must be an object'],
    ['null for an object', person, null, '/x must be an object'],
    ['a string that is too long', text(3), 'four', '/x must have at most 3 characters'],
    ['a string of a line more', text(9, /^[a-z]+$/), 'ada\n', '/x must match ^[a-z]+$'],
    ['a string that fits one of two patterns', text(9, /^a/, /b$/), 'ac', '/x must match b$'],
    ['a list as long as it may be', listOf(integer(0, 9), { from: 1, to: 2 }), [1, 2], undefined],
    ['a list that is too short', listOf(integer(0, 9), { from: 1 }), [], '/x must have 1 to Infinity items'],
    ['a list that is too long', listOf(integer(0, 9), { to: 1 }), [1, 2], '/x must have 0 to 1 items'],
    ['a bad item', listOf(integer(0, 9)), [1, 2.5], '/x/1 must be an integer from 0 to 9'],
    ['what is like a list', listOf(integer(0, 9)), { length: 0 }, '/x must be a list'],
    [
      'an integer beyond what is exact',
      integer(0, 2 ** 60),
      2 ** 53,
      `/x must be an integer from 0 to ${2 ** 60}`,
    ],
    ['a number at its lower end', number(0, 9), 0, '/x must be a number above 0, at most 9'],
    ['another word', oneOf('read', 'write'), 'own', '/x must be one of read, write'],
    ['null among words', oneOf('read', null), null, undefined],
    ['the second of two', either(integer(0, 9), oneOf(null)), null, undefined],
    ['neither of two', either(integer(0, 9), oneOf(null)), 'a', '/x must be an integer from 0 to 9'],
  ])('%s', (_name, shape, value, fault) => {
    expect(shape(value, '/x')).toBe(fault);
  });

  test('names that every object has are members like others', () => {
    const hostile: unknown = JSON.parse('{"name":"ada","__proto__":{"isKnown":true}}');
    expect(person(hostile, '')).toBe(' must not have "__proto__"');
    expect(exactly({ toString: flag })({}, '')).toBe(' must have toString');
  });
});

import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { BulkheadError } from '../errors.ts';
import { parseJson } from './json-text.ts';

const parse = (text: string, maxDepth = 64) => parseJson(text, { maxDepth });

function problemOf(text: string, maxDepth = 64): string {
  try {
    parse(text, maxDepth);
  } catch (error) {
    if (!(error instanceof BulkheadError)) throw error;
    expect(error.code).toBe('invalid');
    return error.fields.map(({ field, problem }) => `${field} ${problem}`).join() || error.message;
  }
  return '';
}

test('JSON without equal keys is read as JSON.parse reads it, however it is spaced', () => {
  fc.assert(
    fc.property(
      fc.jsonValue({ noUnicodeString: false }),
      fc.constantFrom('', ' ', '\n\t'),
      (value, space) => {
        const text = JSON.stringify(value, null, space);
        expect(parse(text, 1000)).toEqual(JSON.parse(text));
      },
    ),
    { numRuns: 500 },
  );
});

test('a key that is added once more is found, wherever it is and however it is written', () => {
  const key = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(
      fc.dictionary(key, fc.jsonValue(), { minKeys: 1, maxKeys: 5 }),
      fc.nat(),
      fc.boolean(),
      (object, pick, isEscaped) => {
        const keys = Object.keys(object);
        const again = keys[pick % keys.length] ?? '';
        const written = isEscaped ? `"${escaped(again)}"` : JSON.stringify(again);
        const text = `{"outer":[1,${JSON.stringify(object).slice(0, -1)},${written}:0}]}`;
        expect(problemOf(text, 1000)).toBe(
          `/outer/1 has the key ${JSON.stringify(again)} twice; send it once`,
        );
      },
    ),
    { numRuns: 500 },
  );
});

test('any text at all is either read or refused as invalid', () => {
  const piece = fc.constantFrom(
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '"',
    '\\',
    '"a"',
    '1',
    ' ',
    'null',
    '\\u0061',
    '\ud800',
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(piece, { maxLength: 20 }).map((pieces) => pieces.join('')),
      ),
      (text) => {
        problemOf(text);
      },
    ),
    { numRuns: 2000 },
  );
});

test.each([
  ['{"a":1,"b":{"a":2},"c":["a","a"]}', ''],
  ['{"a":1,"a":2}', ' has the key "a" twice; send it once'],
  ['{"a":{"b":1,"b":2}}', '/a has the key "b" twice; send it once'],
  ['{"a":"\\"","a":2}', ' has the key "a" twice; send it once'],
  ['{"a\\\\":1,"a":2}', ''],
  ['{"a/b":[0,{"x":1,"x":1}]}', '/a~1b/1 has the key "x" twice; send it once'],
  ['{"__proto__":1,"__proto__":2}', ' has the key "__proto__" twice; send it once'],
  ['{"a":1,"a":', 'The body is not JSON: Unexpected end of input.'],
])('%s', (text, problem) => {
  expect(problemOf(text).replace(/Unexpected end of .*/, 'Unexpected end of input.')).toBe(problem);
});

test('depth counts arrays and objects, and not what is in a string', () => {
  expect(problemOf('[[{"a":"[[[["}]]', 3)).toBe('');
  expect(problemOf('[[{"a":[]}]]', 3)).toMatch(/deeper than 3/);
});

test('eight megabytes of anything take seconds at most', () => {
  const size = 8 * 2 ** 20;
  const texts = [
    '\\'.repeat(size),
    `"${'\\'.repeat(size)}"`,
    `"${'\\"'.repeat(size / 2)}"`,
    '"'.repeat(size),
    `[${'1,'.repeat(size / 2)}1]`,
  ];
  for (const text of [...texts, `{${Array.from({ length: size / 16 }, (_, at) => `"${at}":1`).join()}}`]) {
    const started = performance.now();
    problemOf(text);
    expect(performance.now() - started).toBeLessThan(5000);
  }
});

function escaped(text: string): string {
  return text
    .split('')
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .join('');
}

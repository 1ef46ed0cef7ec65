import { expect, test } from 'vitest';
import { idCount, idMap, subordinateIds } from './subordinate-ids.ts';

const ADA = { name: 'ada', uid: 1000 };

test.each([
  ['by name', 'ada:100000:65536\n', [{ first: 100_000, count: 65_536 }]],
  ['by number', '1000:100000:65536', [{ first: 100_000, count: 65_536 }]],
  [
    'in parts',
    'ada:1:2\nbob:3:4\nada:5:6\n',
    [
      { first: 1, count: 2 },
      { first: 5, count: 6 },
    ],
  ],
  ['of nobody', 'bob:100000:65536\n\n', []],
  ['that make no sense', 'ada:x:65536\nada:100000\n#ada:1:2\nada:1:0\n ada:7:8 \n', [{ first: 7, count: 8 }]],
])('ranges %s', (_how, text, ranges) => {
  expect(subordinateIds(text, ADA)).toEqual(ranges);
});

test('the user is root, and its subordinate ids follow without a gap', () => {
  const ranges = [
    { first: 200_000, count: 10 },
    { first: 100_000, count: 5 },
  ];
  expect(idMap(1000, ranges)).toEqual([
    { inside: 0, outside: 1000, count: 1 },
    { inside: 1, outside: 200_000, count: 10 },
    { inside: 11, outside: 100_000, count: 5 },
  ]);
  expect(idCount(ranges)).toBe(15);
});

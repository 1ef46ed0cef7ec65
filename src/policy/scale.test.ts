import { expect, test } from 'vitest';
import { ISOLATIONS } from '../sandbox/sandbox.ts';
import { ALLOW_LIST, amount, DURATION, ladder, subset } from './scale.ts';
import type { Scale } from './scale.ts';

const WORDS = ['a', 'b', 'c'] as const;
const LADDER = ladder(ISOLATIONS);
const SUBSET = subset(WORDS);
const AMOUNT = amount('a whole number', Number.isInteger);

interface Pair<T> {
  readonly scale: Scale<T>;
  readonly one: T;
  readonly other: T;
  readonly within: readonly [oneInOther: boolean, otherInOne: boolean];
  readonly meet: T;
  readonly join: T;
}

/** What two values are to one another. */
function pair<T>(name: string, { scale, one, other, within, meet, join }: Pair<T>): [string, () => void] {
  return [
    name,
    () => {
      expect([scale.isWithin(one, other), scale.isWithin(other, one)]).toEqual(within);
      expect([scale.tightest(one, other), scale.tightest(other, one)]).toEqual([meet, meet]);
      expect(scale.loosest(one, other)).toEqual(join);
      for (const value of [one, other]) {
        expect(scale.isWithin(value, value)).toBe(true);
        expect([scale.isWithin(meet, value), scale.isWithin(value, join)]).toEqual([true, true]);
        expect(scale.isWithin(value, scale.loosest(other, one))).toBe(true);
      }
    },
  ];
}

const TIGHTER = [true, false] as const;
test.each([
  pair('two words', {
    scale: LADDER,
    one: 'microvm',
    other: 'userns',
    within: TIGHTER,
    meet: 'microvm',
    join: 'userns',
  }),
  pair('one word', {
    scale: LADDER,
    one: 'userns',
    other: 'userns',
    within: [true, true],
    meet: 'userns',
    join: 'userns',
  }),
  pair('some words', {
    scale: SUBSET,
    one: ['a'],
    other: ['a', 'c'],
    within: TIGHTER,
    meet: ['a'],
    join: ['a', 'c'],
  }),
  pair('other words', {
    scale: SUBSET,
    one: ['a', 'b'],
    other: ['b', 'c'],
    within: [false, false],
    meet: ['b'],
    join: ['a', 'b', 'c'],
  }),
  pair('two numbers', { scale: AMOUNT, one: 1, other: 2, within: TIGHTER, meet: 1, join: 2 }),
  pair('two durations', { scale: DURATION, one: 1, other: 2, within: TIGHTER, meet: 1, join: 2 }),
  pair('a duration and no limit', {
    scale: DURATION,
    one: 1,
    other: null,
    within: TIGHTER,
    meet: 1,
    join: null,
  }),
  pair('no limit twice', {
    scale: DURATION,
    one: null,
    other: null,
    within: [true, true],
    meet: null,
    join: null,
  }),
  pair('two lists', {
    scale: ALLOW_LIST,
    one: list('b.a.org:1'),
    other: list('*.a.org:1'),
    within: TIGHTER,
    meet: list('b.a.org:1'),
    join: list('b.a.org:1,*.a.org:1'),
  }),
  pair('a list of nothing', {
    scale: ALLOW_LIST,
    one: [],
    other: list('a.org:1'),
    within: TIGHTER,
    meet: [],
    join: list('a.org:1'),
  }),
])('%s are what they are to one another', (_name, check) => {
  check();
});

function list(text: string): NonNullable<ReturnType<typeof ALLOW_LIST.parse>> {
  return ALLOW_LIST.parse(text) ?? [];
}

test('of two allow-lists, what both allow is allowed, also where neither says it', () => {
  const [port, host] = [ALLOW_LIST.parse('*:443'), ALLOW_LIST.parse('a.org:*,b.org:80')];
  expect(ALLOW_LIST.tightest(port ?? [], host ?? [])).toEqual([{ host: 'a.org', port: 443 }]);
});

test.each([
  ['a ladder', LADDER, ['', 'USERNS', 'userns,userns', 'usern', 'host']],
  ['a subset', SUBSET, ['', 'A', 'd', 'a,d', 'a,a', 'a;b', 'none,a', 'a,none', 'None']],
  ['an amount', AMOUNT, ['', '0', '-1', '1e3', '0x10', '1.5', 'NaN', 'Infinity', '1_000', '+1', '.5', '5.']],
  ['a duration', DURATION, ['', '0s', '90', '-1m', 'None', 'forever']],
  ['an allow-list', ALLOW_LIST, ['', 'none', 'a.org', 'a.org:443,', 'a.org:443;b.org:443', 'a.org:443,b']],
] as const)('%s refuses what is none of it', (_name, scale, texts) => {
  for (const text of texts) expect([text, scale.parse(text)]).toEqual([text, undefined]);
});

test('each scale says what may be written, and writes it as tasks do', () => {
  expect(LADDER.expectation).toBe('one of microvm, syscall-proxy, userns, namespace');
  expect(SUBSET.expectation).toBe('none, or some of a, b, c with commas between');
  expect(AMOUNT.expectation).toBe('a whole number');
  expect(DURATION.expectation).toContain('90m');
  expect(ALLOW_LIST.expectation).toContain('ftp.example.org:443');
  expect(SUBSET.format([])).toBe('none');
  expect(SUBSET.format(['a', 'b'])).toBe('a,b');
  expect(DURATION.format(null)).toBe('none');
  expect(ALLOW_LIST.format([])).toBe('nothing');
  expect(AMOUNT.format(15.519_971)).toBe('15.51');
  expect(AMOUNT.format(0.001)).toBe('0.001');
});

test('of an amount that may be broken, the fraction is read', () => {
  expect(amount('a number', Number.isFinite).parse('1.25')).toBe(1.25);
});

test('no words are written as a word of their own', () => {
  expect(SUBSET.parse('none')).toEqual([]);
});

test('lists are written once each, in the order of their scale', () => {
  expect(SUBSET.parse('c,a')).toEqual(['a', 'c']);
  expect(ALLOW_LIST.parse('b.org:1,a.org:1,b.org:1')).toEqual([
    { host: 'b.org', port: 1 },
    { host: 'a.org', port: 1 },
  ]);
});

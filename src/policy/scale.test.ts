import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Endpoint } from '../sandbox/endpoint.ts';
import { ISOLATIONS } from '../sandbox/sandbox.ts';
import { ALLOW_LIST, amount, DURATION, ladder, subset } from './scale.ts';
import type { Scale } from './scale.ts';

const WORDS = ['a', 'b', 'c'] as const;
const LADDER = ladder(ISOLATIONS);
const SUBSET = subset(WORDS);
const AMOUNT = amount('a whole number', Number.isInteger);

const endpoint: fc.Arbitrary<Endpoint> = fc.record({
  host: fc.constantFrom('*', 'a.org', '*.a.org', 'b.a.org', '*.b.a.org', 'c.b.a.org', '192.0.2.1'),
  port: fc.constantFrom<number | '*'>('*', 80, 443),
});

/** What every scale must be for resolution to be right, whichever values there are. */
function lattice<T>(name: string, scale: Scale<T>, values: fc.Arbitrary<T>): void {
  describe(name, () => {
    test('a value is within itself, and within what it is within of', () => {
      fc.assert(
        fc.property(values, values, values, (a, b, c) => {
          expect(scale.isWithin(a, a)).toBe(true);
          if (scale.isWithin(a, b) && scale.isWithin(b, c)) expect(scale.isWithin(a, c)).toBe(true);
        }),
      );
    });

    test('the tightest of two is within both, and all that is within both is within it', () => {
      fc.assert(
        fc.property(values, values, values, (a, b, c) => {
          const meet = scale.tightest(a, b);
          expect(scale.isWithin(meet, a) && scale.isWithin(meet, b)).toBe(true);
          if (scale.isWithin(c, a) && scale.isWithin(c, b)) expect(scale.isWithin(c, meet)).toBe(true);
        }),
      );
    });

    test('both are within the loosest of two, which is within all that both are within', () => {
      fc.assert(
        fc.property(values, values, values, (a, b, c) => {
          const join = scale.loosest(a, b);
          expect(scale.isWithin(a, join) && scale.isWithin(b, join)).toBe(true);
          if (scale.isWithin(a, c) && scale.isWithin(b, c)) expect(scale.isWithin(join, c)).toBe(true);
        }),
      );
    });

    test('what is written is read as it was', () => {
      fc.assert(
        fc.property(values, (value) => {
          const text = scale.format(value);
          if (text !== 'nothing') expect(scale.parse(text)).toEqual(value);
        }),
      );
    });

    test('no text is trimmed, completed or taken in another case', () => {
      fc.assert(
        fc.property(values, fc.constantFrom(' ', '\n', '\t', ',', '\u200b', '\0'), (value, extra) => {
          const text = scale.format(value);
          for (const other of [`${text}${extra}`, `${extra}${text}`])
            expect(scale.parse(other)).toBeUndefined();
        }),
      );
    });
  });
}

lattice('a ladder', LADDER, fc.constantFrom(...ISOLATIONS));
lattice('a subset', SUBSET, fc.subarray([...WORDS]));
lattice('an amount', AMOUNT, fc.integer({ min: 1, max: 10 }));
lattice('a duration', DURATION, fc.option(fc.integer({ min: 1, max: 10_000_000 }), { nil: null }));
lattice(
  'an allow-list',
  ALLOW_LIST,
  fc.uniqueArray(endpoint, { maxLength: 3, selector: (e) => `${e.host}:${e.port}` }),
);

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

test('lists are written once each, in the order of their scale', () => {
  expect(SUBSET.parse('c,a')).toEqual(['a', 'c']);
  expect(ALLOW_LIST.parse('b.org:1,a.org:1,b.org:1')).toEqual([
    { host: 'b.org', port: 1 },
    { host: 'a.org', port: 1 },
  ]);
});

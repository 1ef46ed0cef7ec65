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

import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { nameRange } from './name-range.ts';

const name = fc.string({
  unit: fc.constantFrom(
    'a',
    'b',
    '\0',
    '\ud7ff',
    '\ue000',
    '\uffff',
    '\u{10000}',
    '\u{10ffff}',
    '\ud800',
    '\udfff',
  ),
  maxLength: 4,
});

test('in the order of UTF-8, the range holds what begins with the prefix and nothing else', () => {
  fc.assert(
    fc.property(name, name, fc.boolean(), (prefix, rest, isExtended) => {
      const candidate = Buffer.from(isExtended ? prefix.toWellFormed() + rest : rest);
      const { from, below } = nameRange(prefix);
      const isInRange =
        Buffer.compare(candidate, Buffer.from(from)) >= 0 &&
        (below === undefined || Buffer.compare(candidate, Buffer.from(below)) < 0);
      const start = Buffer.from(prefix.toWellFormed());
      expect(isInRange).toBe(candidate.subarray(0, start.length).equals(start));
    }),
    { numRuns: 5_000 },
  );
});

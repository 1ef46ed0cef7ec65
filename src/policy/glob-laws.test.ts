import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { isLike } from './glob.ts';

test('a pattern is what an expression would say', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '*'), maxLength: 8 });
  fc.assert(
    fc.property(text, text, (one, pattern) => {
      const expression = new RegExp(`^${pattern.replaceAll('*', '.*')}$`, 'su');
      expect(isLike(one, pattern)).toBe(expression.test(one));
    }),
    { numRuns: 2000 },
  );
});

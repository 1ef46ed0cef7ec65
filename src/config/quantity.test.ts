import { describe, expect, test } from 'vitest';
import { parsePercent, parseSize } from './quantity.ts';

describe('a size', () => {
  test.each([
    ['0', 0],
    ['1024', 1024],
    ['100B', 100],
    ['512MB', 512_000_000],
    ['10GiB', 10 * 2 ** 30],
    ['10 GiB', 10 * 2 ** 30],
    ['1.5KiB', 1536],
    ['2tib', 2 * 2 ** 40],
  ])('%s is %d bytes', (text, expected) => {
    expect(parseSize(text)).toBe(expected);
  });

  test.each(['', '-1', '10G', '10 gigs', 'GiB', '1,5GiB', '0x10', `${'9'.repeat(20)}TiB`])(
    '%j is refused',
    (text) => {
      expect(parseSize(text)).toBeUndefined();
    },
  );
});

describe('a percentage', () => {
  test.each([
    ['0%', 0],
    ['5%', 5],
    ['2.5%', 2.5],
    ['100%', 100],
  ])('%s is %d', (text, expected) => {
    expect(parsePercent(text)).toBe(expected);
  });

  test.each(['', '%', '5', '-5%', '101%', '5 %', '1e1%'])('%j is refused', (text) => {
    expect(parsePercent(text)).toBeUndefined();
  });
});

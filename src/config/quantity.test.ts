import { describe, expect, test } from 'vitest';
import { parseDuration, parsePercent, parseSize } from './quantity.ts';

describe('a duration', () => {
  test.each([
    ['250ms', 250],
    ['30s', 30_000],
    ['90m', 5_400_000],
    ['12h', 43_200_000],
    ['30d', 2_592_000_000],
    ['1w', 604_800_000],
    ['1h30m', 5_400_000],
    ['1.5h', 5_400_000],
    ['0s', 0],
  ])('%s is %d ms', (text, expected) => {
    expect(parseDuration(text)).toBe(expected);
  });

  test.each(['', '5', '-5s', '5 s', '5min', 's', '1e3s', '5s ', '5S', `${'9'.repeat(20)}d`])(
    '%j is refused',
    (text) => {
      expect(parseDuration(text)).toBeUndefined();
    },
  );
});

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

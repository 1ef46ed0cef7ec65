import { expect, test } from 'vitest';
import { formatDuration, parseDuration } from './duration.ts';

test.each([
  ['250ms', 250],
  ['30s', 30_000],
  ['90m', 5_400_000],
  ['12h', 43_200_000],
  ['30d', 2_592_000_000],
  ['1w', 604_800_000],
  ['1h30m', 5_400_000],
  ['1.5h', 5_400_000],
  ['1m1m', 120_000],
  ['10.25s', 10_250],
  ['0.0004s', 0],
  ['0s', 0],
])('%s is %d ms', (text, expected) => {
  expect(parseDuration(text)).toBe(expected);
});

test.each([
  '',
  '5',
  '-5s',
  '5 s',
  '5min',
  's',
  '1e3s',
  '5s ',
  ' 5s',
  '5S',
  '1.s',
  '.5s',
  `${'9'.repeat(20)}d`,
])('%j is refused', (text) => {
  expect(parseDuration(text)).toBeUndefined();
});

test.each([
  [0, '0s'],
  [1, '1ms'],
  [90_000, '1m30s'],
  [5_400_000, '1h30m'],
  [604_800_000, '7d'],
  [90_061_001, '1d1h1m1s1ms'],
])('%d ms is %s', (milliseconds, text) => {
  expect(formatDuration(milliseconds)).toBe(text);
});

test.each([1, 999, 59_999, 3_600_000, 86_399_999, 2 ** 40])(
  '%d ms, once formatted, are read as the same',
  (milliseconds) => {
    expect(parseDuration(formatDuration(milliseconds))).toBe(milliseconds);
  },
);

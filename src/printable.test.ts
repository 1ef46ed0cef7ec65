import { describe, expect, test } from 'vitest';
import { printable, printableLines } from './printable.ts';

describe('text for a terminal', () => {
  test.each([
    ['clearing the screen', '\u001b[2J', '\\x1b[2J'],
    ['the same by C1', '\u009b2J', '\\x9b2J'],
    ['setting the clipboard', '\u001b]52;c;eA==\u0007', '\\x1b]52;c;eA==\\x07'],
    ['overwriting a line', 'fail\rok', 'fail\\x0dok'],
    ['a new line', 'a\nb', 'a\\x0ab'],
    ['turning the direction', 'a\u202eb', 'a\\u202eb'],
    ['an invisible mark', 'a\u200bb\ufeff', 'a\\u200bb\\ufeff'],
    ['half a surrogate pair', 'a\ud800b', 'a\\ud800b'],
  ])('escapes %s', (_, text, expected) => {
    expect(printable(text)).toBe(expected);
  });

  test.each(['plain', 'Käse', '日本語', '👩🏽‍🔬', 'a b'])('leaves %s', (text) => {
    expect(printable(text)).toBe(text);
  });

  test('of several lines keeps line ends and tabs alone', () => {
    expect(printableLines('a\tb\n\u001bc\r\n')).toBe('a\tb\n\\x1bc\\x0d\n');
  });
});

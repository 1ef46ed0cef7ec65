import { writeFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { makeFolder, plant } from '../../../test/fixtures/folders.ts';
import type { Listing, Wanted } from '../confined-tree.ts';
import { createConfinedTrees } from '../tree.ts';

/** What a walk of a real tree finds, for each pattern; one run of the program serves them all. */
async function matches(names: readonly string[], patterns: readonly string[]): Promise<readonly Listing[]> {
  const root = await makeFolder();
  await plant(root, Object.fromEntries(names.map((name) => [name, ''])));
  const wanted = patterns.map((path): Wanted => ({ kind: 'glob', path: `/${path}`, prefix: '/' }));
  const source = { root, as: { uid: 65_534, gid: 65_534 } };
  return createConfinedTrees().list(source, wanted, new AbortController().signal);
}

/** Files alone, in one order. */
function found(listing: Listing | undefined): string[] {
  return (listing?.entries ?? [])
    .filter(({ type }) => type === 'file')
    .map(({ path }) => path)
    .toSorted();
}

const FLAT = [
  'a',
  'b',
  'ab',
  'abc',
  'aXb',
  'a.b',
  'a-b',
  'a]b',
  'a[b',
  'a*b',
  'a?b',
  'a\\b',
  'a b',
  'a\nb',
  'a{b,c}',
  '.a',
  '.ab',
  '..a',
  'A',
  '1',
  '12',
  'é',
  'éa',
  '𝄞',
  '^a',
  '!a',
  '-',
  'x.txt',
  'x.tar.gz',
  'x{1}',
];

const FLAT_CASES: readonly (readonly [pattern: string, ...found: string[]])[] = [
  ['a', 'a'],
  ['nothing'],
  ['?', '-', '1', 'A', 'a', 'b', 'é', '𝄞'],
  ['??', '!a', '12', '^a', 'ab', 'éa'],
  ['.?', '.a'],
  ['?a', '!a', '^a', 'éa'],
  ['*a', '!a', '^a', 'a', 'éa'],
  ['.*', '..a', '.a', '.ab'],
  ['..*', '..a'],
  ['[.]a'],
  ['[!x]a', '!a', '^a', 'éa'],
  ['a*b', 'a\nb', 'a b', 'a*b', 'a-b', 'a.b', 'a?b', 'aXb', 'a[b', 'a\\b', 'a]b', 'ab'],
  ['a\\*b', 'a*b'],
  ['a\\?b', 'a?b'],
  ['a[*]b', 'a*b'],
  ['a[?]b', 'a?b'],
  ['a[[]b', 'a[b'],
  ['a[]]b', 'a]b'],
  ['a[!]]b', 'a\nb', 'a b', 'a*b', 'a-b', 'a.b', 'a?b', 'aXb', 'a[b', 'a\\b'],
  ['a\\[b', 'a[b'],
  ['a[b', 'a[b'],
  ['a[\\\\]b', 'a\\b'],
  ['a\\\\b', 'a\\b'],
  ['a[-x]b', 'a-b'],
  ['a[x-]b', 'a-b'],
  ['a[X-Z]b', 'aXb'],
  ['a[Z-X]b'],
  ['a[a-]]b'],
  ['[a-c]', 'a', 'b'],
  ['[!a-c]', '-', '1', 'A', 'é', '𝄞'],
  ['[^a-c]', '-', '1', 'A', 'é', '𝄞'],
  ['[[:digit:]]', '1'],
  ['[[:digit:]]*', '1', '12'],
  ['[[:upper:]]', 'A'],
  ['[[:alpha:]]', 'A', 'a', 'b'],
  ['[[:lower:][:digit:]]', '1', 'a', 'b'],
  ['a[[:space:]]b', 'a\nb', 'a b'],
  ['a[[:punct:]]b', 'a*b', 'a-b', 'a.b', 'a?b', 'a[b', 'a\\b', 'a]b'],
  ['[[:nonsense:]]'],
  ['[![:alnum:]]', '-', 'é', '𝄞'],
  ['[[.a.]]', 'a'],
  ['[[=a=]]', 'a'],
  ['[[.-.]]', '-'],
  ['[é]', 'é'],
  ['[à-ï]', 'é'],
  ['𝄞', '𝄞'],
  ['x.*', 'x.tar.gz', 'x.txt'],
  ['*.gz', 'x.tar.gz'],
  ['*.*.*', 'x.tar.gz'],
  ['x.{txt,tar.gz}', 'x.tar.gz', 'x.txt'],
  ['{a,b,nothing}', 'a', 'b'],
  ['{a,{b,1}}', '1', 'a', 'b'],
  ['a{,b}', 'a', 'ab'],
  ['{a,}b', 'ab', 'b'],
  ['x{1}', 'x{1}'],
  ['a\\{b,c\\}', 'a{b,c}'],
  ['{a'],
  ['{*.txt,?2}', '12', 'x.txt'],
  ['{a,a,[a]}', 'a'],
  ['***', ...FLAT.filter((name) => !name.startsWith('.'))],
];

const DEEP = [
  'top.txt',
  'd/one.txt',
  'd/.hidden.txt',
  'd/e/two.txt',
  'd/e/f/three.txt',
  'd/e/f/three.csv',
  '.git/x.txt',
  'd/.cache/y.txt',
  'g/one.txt',
  'g/h/one.txt',
  'name.d/z.txt',
];

const DEEP_CASES: readonly (readonly [pattern: string, ...found: string[]])[] = [
  ['*.txt', 'top.txt'],
  ['*/*.txt', 'd/one.txt', 'g/one.txt', 'name.d/z.txt'],
  ['d/*/two.txt', 'd/e/two.txt'],
  ['*/one.txt', 'd/one.txt', 'g/one.txt'],
  ['**/one.txt', 'd/one.txt', 'g/h/one.txt', 'g/one.txt'],
  ['d/**/*.txt', 'd/e/f/three.txt', 'd/e/two.txt', 'd/one.txt'],
  ['d/**.csv', 'd/e/f/three.csv'],
  ['**.csv', 'd/e/f/three.csv'],
  ['d/e**three.csv', 'd/e/f/three.csv'],
  ['**/f/**', 'd/e/f/three.csv', 'd/e/f/three.txt'],
  ['**/**/two.txt', 'd/e/two.txt'],
  ['{d,g}/one.txt', 'd/one.txt', 'g/one.txt'],
  ['{d/e,g}/t*', 'd/e/two.txt'],
  ['d//e/./two.txt', 'd/e/two.txt'],
  ['*/.hidden.txt', 'd/.hidden.txt'],
  ['.*/*.txt', '.git/x.txt'],
  ['**/.*/*', 'd/.cache/y.txt', '.git/x.txt'],
  // A folder that matches is taken with all that is in it.
  ['g', 'g/h/one.txt', 'g/one.txt'],
  ['*.d', 'name.d/z.txt'],
  ['d?e'],
  ['d[/]e'],
  ['../**'],
];

describe('patterns', () => {
  for (const [what, names, cases] of [
    ['one folder', FLAT, FLAT_CASES],
    ['folders in folders', DEEP, DEEP_CASES],
  ] as const) {
    test(`${cases.length} patterns in ${what} match what they should`, async () => {
      const listings = await matches(
        names,
        cases.map(([pattern]) => pattern),
      );
      const actual = cases.map(([pattern], at) => [pattern, ...found(listings[at])]);
      expect(actual).toEqual(cases.map(([pattern, ...expected]) => [pattern, ...expected.toSorted()]));
    });
  }

  test('a name that is no UTF-8 is matched by its bytes', async () => {
    const root = await makeFolder();
    await writeFile(Buffer.concat([Buffer.from(`${root}/b`), Buffer.from([0xff]), Buffer.from('d')]), 'x');
    const source = { root, as: { uid: 65_534, gid: 65_534 } };
    const wanted = [{ kind: 'glob', path: '/b?d', prefix: '/' } as const];
    const [listing] = await createConfinedTrees().list(source, wanted, new AbortController().signal);
    expect(found(listing)).toEqual(['b�d']);
  });

  test('hostile names and patterns take no longer than others', async () => {
    const name = 'a'.repeat(250);
    const startedAt = performance.now();
    const listings = await matches(
      [name, `${name}c`],
      [
        `${'*a'.repeat(120)}b`,
        `${'*[a-z]'.repeat(100)}!`,
        `${'**'.repeat(50)}b`,
        'a*'.repeat(120),
        `${'**/'.repeat(60)}b`,
      ],
    );
    expect(listings.map(found)).toEqual([[], [], [], [name, `${name}c`].toSorted(), []]);
    expect(performance.now() - startedAt).toBeLessThan(5000);
  });

  test('braces that would make too many alternatives are refused', async () => {
    const bomb = '{a,b}'.repeat(40);
    const [listing] = await matches(['a'], [bomb]);
    expect(listing?.failure).toMatchObject({ code: 'storage-failed' });
    expect(listing?.failure?.message).toContain('more than 1024 alternatives');
  });
});

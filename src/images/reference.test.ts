import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { formatReference, parseReference } from './reference.ts';

const HEX = 'a'.repeat(64);

describe('parseReference', () => {
  it.each([
    ['alpine', 'docker.io/library/alpine:latest'],
    ['alpine:3.20', 'docker.io/library/alpine:3.20'],
    ['biocontainers/bwa', 'docker.io/biocontainers/bwa:latest'],
    ['docker.io/alpine', 'docker.io/library/alpine:latest'],
    ['index.docker.io/alpine', 'docker.io/library/alpine:latest'],
    ['docker.io/a/b:1', 'docker.io/a/b:1'],
    ['quay.io/biocontainers/samtools:1.20--h50ea8bc_0', 'quay.io/biocontainers/samtools:1.20--h50ea8bc_0'],
    ['QUAY.io/a/b', 'quay.io/a/b:latest'],
    ['localhost/a', 'localhost/a:latest'],
    ['localhost:5000/a', 'localhost:5000/a:latest'],
    ['host:5000/a/b', 'host:5000/a/b:latest'],
    [`host:5000/a/b@sha256:${HEX}`, `host:5000/a/b@sha256:${HEX}`],
    [`alpine:3@sha256:${HEX}`, `docker.io/library/alpine:3@sha256:${HEX}`],
    [`alpine@sha256:${HEX}`, `docker.io/library/alpine@sha256:${HEX}`],
    ['127.0.0.1:5000/x', '127.0.0.1:5000/x:latest'],
    ['[::1]:5000/x', '[::1]:5000/x:latest'],
    ['a__b/c--d/e.f:_T', 'docker.io/a__b/c--d/e.f:_T'],
  ])('reads %s as %s', (text, normal) => {
    expect(formatReference(parseReference(text))).toBe(normal);
  });

  it.each([
    '',
    '--privileged',
    '-v',
    'Alpine',
    'BioContainers/bwa',
    'docker.io/Library/alpine',
    'alpine latest',
    'alpine\n',
    'alpine\0',
    'alpine;id',
    '$(id)',
    '`id`',
    '${HOME}',
    '{{.Name}}',
    'alpine:{{.Tag}}',
    'alpine:',
    'alpine:-x',
    'alpine:.x',
    `alpine:${'x'.repeat(129)}`,
    'alpine@sha256:abc',
    `alpine@sha512:${'a'.repeat(128)}`,
    `alpine@sha256:${HEX.toUpperCase()}`,
    `alpine@sha256:${HEX}@sha256:${HEX}`,
    '../../etc/passwd',
    '/etc/passwd',
    'a/../b',
    'a//b',
    'a/',
    '/a',
    'docker://alpine',
    'oci:/tmp/x',
    'dir:/tmp/x',
    'host:port/a',
    'host:500000/a',
    '-host.example/a',
    'a___b',
    'é/x',
    HEX,
    `${'a/'.repeat(130)}a`,
    'x'.repeat(513),
  ])('refuses %j, naming it', (text) => {
    expect(() => parseReference(text)).toThrow(expect.objectContaining({ code: 'image-reference' }));
  });
});

const word = fc.stringMatching(/^[a-z0-9]{1,8}$/);
const component = fc
  .tuple(word, fc.array(fc.tuple(fc.constantFrom('.', '_', '__', '-', '---'), word), { maxLength: 2 }))
  .map(([first, rest]) => first + rest.flat().join(''));
const host = fc.oneof(
  fc.constantFrom('', 'docker.io/', 'index.docker.io/', 'localhost/', 'QUAY.io/'),
  fc.tuple(word, fc.integer({ min: 1, max: 65_535 })).map(([name, port]) => `${name}:${port}/`),
);
const written = fc
  .tuple(
    host,
    fc.array(component, { minLength: 1, maxLength: 3 }),
    fc.option(fc.stringMatching(/^\w[\w.-]{0,20}$/), { nil: undefined }),
    fc.option(fc.stringMatching(/^[0-9a-f]{64}$/), { nil: undefined }),
  )
  // What has a dot before the first slash is a host, and a host has no underscore.
  .filter(
    ([prefix, [first = '', ...rest]]) => prefix !== '' || rest.length === 0 || !/\..*_|_.*\./.test(first),
  )
  .map(([prefix, path, tag, hex]) => {
    const name = `${prefix}${path.join('/')}`;
    return `${name}${tag === undefined ? '' : `:${tag}`}${hex === undefined ? '' : `@sha256:${hex}`}`;
  });

describe('normalisation', () => {
  it('is idempotent, and printing and parsing are inverse', () => {
    fc.assert(
      fc.property(written, (text) => {
        const reference = parseReference(text);
        const printed = formatReference(reference);
        expect(parseReference(printed)).toEqual(reference);
        expect(formatReference(parseReference(printed))).toBe(printed);
      }),
    );
  });

  it('either refuses a text or prints only characters that no shell, path or template minds', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'grapheme' }),
          written.map((text) => `${text} $`),
        ),
        (text) => {
          try {
            expect(formatReference(parseReference(text))).toMatch(/^[a-z0-9[][\w.:/@[\]-]*$/);
          } catch (error) {
            expect(error).toHaveProperty('code', 'image-reference');
          }
        },
      ),
    );
  });
});

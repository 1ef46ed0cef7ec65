import { describe, expect, test } from 'vitest';
import type { ImageName } from './image-pattern.ts';
import { isImageLike } from './image-pattern.ts';
import { isAboutImages, isAboutTasks, matches, matchesCaller } from './match.ts';
import type { Candidate, Match } from './match.ts';

const DIGEST = `sha256:${'1a'.repeat(32)}`;
const UBUNTU: ImageName = { host: 'docker.io', repository: 'library/ubuntu', tag: '22.04' };
const SAMTOOLS: ImageName = { host: 'quay.io', repository: 'biocontainers/samtools', tag: '1.19--h1' };
const PINNED: ImageName = { ...SAMTOOLS, digest: DIGEST };

describe('an image is like a pattern', () => {
  test.each([
    ['ubuntu', UBUNTU, true],
    ['ubuntu:22.04', UBUNTU, true],
    ['ubuntu:22.*', UBUNTU, true],
    ['ubuntu:20.*', UBUNTU, false],
    ['library/ubuntu', UBUNTU, true],
    ['docker.io/library/ubuntu', UBUNTU, true],
    ['index.docker.io/library/ubuntu', UBUNTU, true],
    ['Docker.IO/library/ubuntu', UBUNTU, true],
    ['docker.io/ubuntu', UBUNTU, false],
    ['*', UBUNTU, true],
    ['*', SAMTOOLS, false],
    ['**', SAMTOOLS, true],
    ['**/samtools', SAMTOOLS, true],
    ['**/samtools:1.*', SAMTOOLS, true],
    ['quay.io/biocontainers/*', SAMTOOLS, true],
    ['quay.io/*', SAMTOOLS, false],
    ['*/biocontainers/samtools', SAMTOOLS, true],
    ['quay.io/Biocontainers/*', SAMTOOLS, false],
    ['biocontainers/samtools', SAMTOOLS, false],
    ['localhost/x', { host: 'localhost', repository: 'x', tag: 'latest' }, true],
    ['localhost:5000/x', { host: 'localhost:5000', repository: 'x', tag: 'latest' }, true],
    ['localhost:5000/x:1', { host: 'localhost:5000', repository: 'x', tag: 'latest' }, false],
  ] as const)('%s: %o: %s', (pattern, image, expected) => {
    expect(isImageLike(image, pattern)).toBe(expected);
  });

  test('a tag beside a digest decides nothing: such an image is like no tag', () => {
    expect(isImageLike(PINNED, 'quay.io/biocontainers/samtools')).toBe(true);
    expect(isImageLike(PINNED, 'quay.io/biocontainers/samtools:1.*')).toBe(false);
    expect(isImageLike(PINNED, '**:*')).toBe(false);
    expect(isImageLike({ host: 'quay.io', repository: 'x' }, 'quay.io/x:1')).toBe(false);
  });
});

const CANDIDATE: Candidate = {
  subject: 'ann',
  groups: ['lab', 'staff'],
  image: SAMTOOLS,
  taskName: 'nf-align',
  sizes: { cpu_cores: 4, ram_gb: 8, disk_gb: 10 },
};

test.each<[string, Match, boolean]>([
  ['nothing', {}, true],
  ['its caller', { subjects: ['bob', 'ann'] }, true],
  ['a pattern of its caller', { subjects: ['a*'] }, true],
  ['another caller', { subjects: ['bob'] }, false],
  ['a caller in another case', { subjects: ['ANN'] }, false],
  ['nobody', { subjects: [] }, false],
  ['one of its groups', { groups: ['staff'] }, true],
  ['one of its groups among others', { groups: ['guests', 'lab'] }, true],
  ['other groups', { groups: ['guests', 'la'] }, false],
  ['a group that is its caller’s name', { groups: ['ann'] }, false],
  ['its image', { images: ['ubuntu', 'quay.io/**'] }, true],
  ['another image', { images: ['ubuntu'] }, false],
  ['its registry', { registries: ['QUAY.io'] }, true],
  ['its registry, by a pattern', { registries: ['*.io'] }, true],
  ['its registry among others', { registries: ['docker.io', 'quay.io'] }, true],
  ['another registry', { registries: ['docker.io'] }, false],
  ['a digest that it doesn’t name', { digests: [DIGEST] }, false],
  ['its name', { task_names: ['nf-*'] }, true],
  ['its name among others', { task_names: ['x', 'nf-align'] }, true],
  ['another name', { task_names: ['nf'] }, false],
  ['more than this', { above: { cpu_cores: 3 } }, true],
  ['more than it has', { above: { cpu_cores: 4 } }, false],
  ['more than this of one, but not of the other', { above: { cpu_cores: 3, ram_gb: 8 } }, false],
  ['no more than this', { up_to: { ram_gb: 8 } }, true],
  ['less than it has', { up_to: { ram_gb: 7.9 } }, false],
  ['a range', { above: { disk_gb: 9 }, up_to: { disk_gb: 10 } }, true],
  ['its caller and another image', { subjects: ['ann'], images: ['ubuntu'] }, false],
  ['its image and another caller', { subjects: ['bob'], images: ['quay.io/**'] }, false],
  ['its caller and another name', { subjects: ['ann'], task_names: ['x'] }, false],
])('a rule on %s matches as it should', (_what, match, expected) => {
  expect(matches(match, CANDIDATE)).toBe(expected);
});

test('a digest that the reference names is matched', () => {
  expect(matches({ digests: ['sha256:0', DIGEST] }, { ...CANDIDATE, image: PINNED })).toBe(true);
  expect(matches({ digests: ['sha256:0'] }, { ...CANDIDATE, image: PINNED })).toBe(false);
});

test('what a rule is about is told apart', () => {
  expect(isAboutTasks({ subjects: ['a'], groups: ['b'] })).toBe(false);
  expect(isAboutTasks({ subjects: ['a'], up_to: { ram_gb: 1 } })).toBe(true);
  expect(isAboutTasks({ task_names: [], images: undefined })).toBe(true);
  expect(isAboutImages({ subjects: ['a'], task_names: ['x'], above: {} })).toBe(false);
  for (const about of [{ images: [] }, { registries: [] }, { digests: [] }])
    expect(isAboutImages(about)).toBe(true);
  expect(matchesCaller({ subjects: ['ann'], images: ['ubuntu'] }, CANDIDATE)).toBe(true);
  expect(matchesCaller({ groups: ['guests'] }, CANDIDATE)).toBe(false);
});

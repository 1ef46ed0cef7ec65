import { describe, expect, test } from 'vitest';
import { BulkheadError } from '../errors.ts';
import { parseTask } from './parse-task.ts';

const options = { maxContentBytes: 131_072 };
const executor = { image: 'alpine', command: ['true'] };

function faultsOf(body: unknown): Record<string, string> {
  try {
    parseTask(body, options);
  } catch (error) {
    if (!(error instanceof BulkheadError)) throw error;
    expect(error.code).toBe('invalid');
    return Object.fromEntries(error.fields.map(({ field, problem }) => [field, problem]));
  }
  return {};
}

const withInput = (input: object) => ({ executors: [executor], inputs: [input] });
const withOutput = (output: object) => ({ executors: [executor], outputs: [output] });
const withExecutor = (part: object) => ({ executors: [{ ...executor, ...part }] });

const inputs = (...given: object[]) => faultsOf({ executors: [executor], inputs: given });
const file = (path: string) => ({ path, content: 'x' });
const directory = (path: string) => ({ path, url: '/d', type: 'DIRECTORY' });

describe('what clients send beside what TES has', () => {
  test('unknown and read-only fields are dropped at every depth', () => {
    const body = {
      id: 'mine',
      state: 'COMPLETE',
      logs: 'anything',
      creation_time: 7,
      extra: {},
      executors: [{ ...executor, ports: [1] }],
      inputs: [{ path: '/a', content: 'x', contents: 1 }],
      resources: { gpus: 1 },
    };
    expect(parseTask(body, options)).toEqual({
      executors: [executor],
      inputs: [{ path: '/a', content: 'x' }],
      resources: {},
    });
  });

  test('null is the same as absent wherever a field may be left out, and in maps', () => {
    const body = {
      name: null,
      inputs: null,
      tags: { parent_workflow_id: null, kept: 'a' },
      resources: { cpu_cores: null, zones: null, backend_parameters: { a: null } },
      executors: [{ ...executor, env: { A: null, B: 'b' }, workdir: null }],
    };
    expect(parseTask(body, options)).toEqual({
      tags: { kept: 'a' },
      resources: { backend_parameters: {} },
      executors: [{ ...executor, env: { B: 'b' } }],
    });
  });

  test('empty strings in place of optional paths are dropped', () => {
    const body = {
      executors: [{ ...executor, workdir: '', stdin: '', stdout: '', stderr: '' }],
      inputs: [{ path: '/a', url: '', content: 'x' }],
      outputs: [{ path: '/b', url: '/c', path_prefix: '' }],
    };
    expect(parseTask(body, options)).toEqual({
      executors: [executor],
      inputs: [{ path: '/a', content: 'x' }],
      outputs: [{ path: '/b', url: '/c' }],
    });
  });

  test('fractional cores, an empty file, URLs of every known kind', () => {
    const urls = [
      '/d/x',
      'file:///d/a b#c',
      'https://h:1/x?y',
      'HTTP://h/',
      's3://b/k',
      'gs://b/k',
      'ftp://h/x',
      'sftp://u@h/x',
    ];
    const body = {
      executors: [executor],
      resources: { cpu_cores: 0.5 },
      inputs: [{ path: '/empty', content: '' }, ...urls.map((url, at) => ({ path: `/in/${at}`, url }))],
    };
    expect(parseTask(body, options)).toEqual(body);
  });

  test('where there is content, the URL may be anything', () => {
    expect(faultsOf(withInput({ path: '/a', content: 'x', url: 'not one' }))).toEqual({});
  });

  test('a key that names a prototype is a key like any other', () => {
    const body: unknown = JSON.parse(
      '{"executors":[{"image":"a","command":["x"],"env":{"constructor":"c"}}],"tags":{"__proto__":"x"}}',
    );
    const task = parseTask(body, options);
    expect(Object.keys(task.tags ?? {})).toEqual(['__proto__']);
    expect(Object.hasOwn({}, 'x') || 'polluted' in {}).toBe(false);
    expect(
      parseTask(
        JSON.parse('{"__proto__":{"name":"n"},"executors":[{"image":"a","command":["x"]}]}'),
        options,
      ),
    ).not.toHaveProperty('name');
  });
});

describe('what is refused, with the field', () => {
  const cases: readonly (readonly [what: string, body: unknown, field: string, problem: RegExp])[] = [
    ['no object', [], '', /must be an object, not an array/],
    ['nothing', undefined, '', /must be an object, and is missing/],
    ['no executors', {}, '/executors', /required, and is missing/],
    ['executors null', { executors: null }, '/executors', /required, and is null/],
    ['executors empty', { executors: [] }, '/executors', /at least one/],
    ['executor null', { executors: [null] }, '/executors/0', /must be an object, not null/],
    ['no image', { executors: [{ command: ['a'] }] }, '/executors/0/image', /missing/],
    ['command empty', withExecutor({ command: [] }), '/executors/0/command', /is empty/],
    ['command with an empty program', withExecutor({ command: [''] }), '/executors/0/command', /is empty/],
    [
      'command a string',
      withExecutor({ command: 'true' }),
      '/executors/0/command',
      /must be an array, not a string/,
    ],
    [
      'command with a number',
      withExecutor({ command: ['a', 1] }),
      '/executors/0/command/1',
      /must be a string, not a number/,
    ],
    ['command with NUL', withExecutor({ command: ['a\0b'] }), '/executors/0/command/0', /NUL/],
    [
      "an argument Linux can't pass",
      withExecutor({ command: ['a', 'x'.repeat(131_072)] }),
      '/executors/0/command/1',
      /131071/,
    ],
    [
      "arguments Linux can't pass",
      withExecutor({ command: ['a', ...Array.from({ length: 20 }, () => 'x'.repeat(131_000))] }),
      '/executors/0/command',
      /at most/,
    ],
    ['half a surrogate pair', withExecutor({ command: ['\ud800'] }), '/executors/0/command/0', /Unicode/],
    ['workdir relative', withExecutor({ workdir: 'work' }), '/executors/0/workdir', /absolute/],
    ['stdin with ..', withExecutor({ stdin: '/a/../b' }), '/executors/0/stdin', /"\.\."/],
    ['stdout relative', withExecutor({ stdout: './a' }), '/executors/0/stdout', /absolute/],
    ['stderr with NUL', withExecutor({ stderr: '/a\0' }), '/executors/0/stderr', /NUL/],
    ['env with =', withExecutor({ env: { 'A=B': 'c' } }), '/executors/0/env/A=B', /"="/],
    ['env without name', withExecutor({ env: { '': 'c' } }), '/executors/0/env/', /empty name/],
    ['env with a number', withExecutor({ env: { A: 1 } }), '/executors/0/env/A', /must be a string/],
    [
      'env name escaped in its pointer',
      withExecutor({ env: { 'a/b~c': 1 } }),
      '/executors/0/env/a~1b~0c',
      /string/,
    ],
    [
      'image as an option',
      withExecutor({ image: '--privileged' }),
      '/executors/0/image',
      /as an option does/,
    ],
    ['image with a template', withExecutor({ image: 'a{{.Name}}' }), '/executors/0/image', /characters/],
    ['image with white space', withExecutor({ image: 'a b' }), '/executors/0/image', /characters/],
    ['image in upper case', withExecutor({ image: 'Alpine' }), '/executors/0/image', /lower case/],
    ['input path relative', withInput({ path: 'a', content: 'x' }), '/inputs/0/path', /absolute/],
    ['input path the root', withInput({ path: '//./', content: 'x' }), '/inputs/0/path', /whole root/],
    ['input path in /proc', withInput({ path: '/proc/1/x', content: 'x' }), '/inputs/0/path', /sandbox/],
    ['input with neither', withInput({ path: '/a' }), '/inputs/0/url', /required/],
    ['input with an empty URL', withInput({ path: '/a', url: '' }), '/inputs/0/url', /required/],
    ['input relative', withInput({ path: '/a', url: 'data/x' }), '/inputs/0/url', /relative/],
    [
      'input of an unknown scheme',
      withInput({ path: '/a', url: 'gopher://h/x' }),
      '/inputs/0/url',
      /unknown scheme/,
    ],
    [
      'input that looks like a drive',
      withInput({ path: '/a', url: 'C:\\x' }),
      '/inputs/0/url',
      /unknown scheme/,
    ],
    ['input with ..', withInput({ path: '/a', url: '/data/../etc/shadow' }), '/inputs/0/url', /"\.\."/],
    [
      'input with .. in file URL',
      withInput({ path: '/a', url: 'file:///data/../etc' }),
      '/inputs/0/url',
      /"\.\."/,
    ],
    [
      'input with .. encoded',
      withInput({ path: '/a', url: 'https://h/a/%2e%2E%2fetc' }),
      '/inputs/0/url',
      /"\.\."/,
    ],
    [
      'input with a file URL of two slashes',
      withInput({ path: '/a', url: 'file://data/x' }),
      '/inputs/0/url',
      /host "data"/,
    ],
    ['input without bucket', withInput({ path: '/a', url: 's3:///x' }), '/inputs/0/url', /bucket/],
    ['input without slashes', withInput({ path: '/a', url: 'file:/x' }), '/inputs/0/url', /file:\/\//],
    [
      'input of a wrong type',
      withInput({ path: '/a', content: 'x', type: 'file' }),
      '/inputs/0/type',
      /FILE, DIRECTORY/,
    ],
    [
      'directory with content',
      withInput({ path: '/a', content: 'x', type: 'DIRECTORY' }),
      '/inputs/0/type',
      /FILE/,
    ],
    [
      'content too large',
      withInput({ path: '/a', content: 'ä'.repeat(65_537) }),
      '/inputs/0/content',
      /131074 bytes, the limit is 131072/,
    ],
    ['output without URL', withOutput({ path: '/a' }), '/outputs/0/url', /missing/],
    ['output URL empty', withOutput({ path: '/a', url: '' }), '/outputs/0/url', /empty/],
    ['output path relative', withOutput({ path: 'a', url: '/b' }), '/outputs/0/path', /absolute/],
    [
      'wildcard without prefix',
      withOutput({ path: '/a/*.txt', url: '/b' }),
      '/outputs/0/path_prefix',
      /required/,
    ],
    [
      'wildcard with a strange prefix',
      withOutput({ path: '/a/*.txt', url: '/b', path_prefix: '/c' }),
      '/outputs/0/path_prefix',
      /beginning/,
    ],
    [
      'prefix relative',
      withOutput({ path: '/a/*', url: '/b', path_prefix: 'a' }),
      '/outputs/0/path_prefix',
      /absolute/,
    ],
    ['volume relative', { executors: [executor], volumes: ['/ok', 'no'] }, '/volumes/1', /absolute/],
    [
      'cores as text',
      { executors: [executor], resources: { cpu_cores: '1' } },
      '/resources/cpu_cores',
      /must be a number, not a string/,
    ],
    [
      'tags with a list',
      { executors: [executor], tags: { a: [] } },
      '/tags/a',
      /must be a string, not an array/,
    ],
    ['tags a list', { executors: [executor], tags: [] }, '/tags', /must be an object/],
    [
      'parameters that differ in case',
      { executors: [executor], resources: { backend_parameters: { VmSize: 'a', vmsize: 'b' } } },
      '/resources/backend_parameters/vmsize',
      /case-insensitive/,
    ],
    [
      'a path that is too long',
      withInput({ path: `/${'a/'.repeat(2100)}`, content: 'x' }),
      '/inputs/0/path',
      /4095/,
    ],
    [
      'a name that is too long',
      withInput({ path: `/${'a'.repeat(256)}`, content: 'x' }),
      '/inputs/0/path',
      /255/,
    ],
  ];
  test.each(cases)('%s', (_what, body, field, problem) => {
    const faults = faultsOf(body);
    expect(Object.keys(faults)).toEqual([field]);
    expect(faults[field]).toMatch(problem);
  });

  test('all of it is told at once', () => {
    const body = { executors: [{ command: [], env: { '=': '' } }], inputs: [{ path: 'a' }], volumes: [1] };
    expect(Object.keys(faultsOf(body)).toSorted()).toEqual(
      [
        '/executors/0/command',
        '/executors/0/env/=',
        '/executors/0/image',
        '/inputs/0/path',
        '/inputs/0/url',
        '/volumes/0',
      ].toSorted(),
    );
  });

  test('a document of a million faults is answered by a hundred, soon', () => {
    const started = performance.now();
    expect(
      Object.keys(
        faultsOf({ executors: [{ image: 'a', command: Array.from({ length: 1_000_000 }, () => 1) }] }),
      ),
    ).toHaveLength(100);
    expect(performance.now() - started).toBeLessThan(5000);
  });
});

describe('inputs that collide', () => {
  test('one path twice, however it is written', () => {
    expect(inputs(file('/a/b'), file('/c'), file('/a//./b/'))).toEqual({
      '/inputs/2/path': expect.stringContaining('/inputs/0/path'),
    });
    expect(inputs(directory('/a'), directory('/a'))).toEqual({
      '/inputs/1/path': expect.stringContaining('/inputs/0/path'),
    });
  });

  test('one below a file, whichever comes first', () => {
    expect(inputs(file('/a/b/c'), file('/a'))).toEqual({
      '/inputs/0/path': expect.stringContaining('is a file'),
    });
    expect(inputs(file('/a'), file('/a-b'), file('/a/b'))).toEqual({
      '/inputs/2/path': expect.stringContaining('"/a"'),
    });
  });

  test('below a directory, or a type that is not said, is no collision', () => {
    expect(inputs(directory('/a'), file('/a/b'))).toEqual({});
    expect(inputs({ path: '/a', url: '/d' }, file('/a/b'))).toEqual({});
  });

  test('volumes hold inputs and may be named twice, but a file is no volume', () => {
    expect(faultsOf({ executors: [executor], volumes: ['/v', '/v/'], inputs: [file('/v/a')] })).toEqual({});
    expect(
      faultsOf({ executors: [executor], volumes: ['/v', '/w/x'], inputs: [file('/v'), file('/w')] }),
    ).toEqual({
      '/volumes/0': expect.stringContaining('/inputs/0/path'),
      '/volumes/1': expect.stringContaining('is a file'),
    });
  });
});

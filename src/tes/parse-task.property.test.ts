import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { BulkheadError } from '../errors.ts';
import { checkCollisions } from './collision.ts';
import { Faults } from './faults.ts';
import { imageProblem } from './image-name.ts';
import { parseTask } from './parse-task.ts';
import { isBelow, normalPath } from './path.ts';
import { urlProblem } from './url.ts';

const options = { maxContentBytes: 131_072 };
const KNOWN =
  'name description inputs outputs resources executors volumes tags image command workdir stdin stdout stderr env ignore_error'.split(
    ' ',
  );

const name = fc.stringMatching(/^[a-z0-9 _.-]{1,12}$/).filter((text) => text !== '..' && text !== '.');
const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((parts) => `/in/${parts.join('/')}`);
const text = fc
  .string({ unit: 'grapheme', maxLength: 20 })
  .filter((value) => !value.includes('\0') && value !== '');
const variable = fc.stringMatching(/^[A-Z_][A-Z0-9_]{0,8}$/);
const url = fc.oneof(
  path,
  path.map((value) => `file://${value}`),
  name.map((value) => `s3://bucket/${value}`),
);
const optional = { requiredKeys: [] as [] };

const executor = fc.record(
  {
    image: fc.constantFrom(
      'alpine',
      'quay.io/biocontainers/bwa:0.7.17--h5bf99c6_8',
      'localhost:5000/a/b@sha256:' + '0'.repeat(64),
    ),
    command: fc.array(text, { minLength: 1, maxLength: 5 }),
    workdir: path,
    stdout: path,
    env: fc.dictionary(variable, text),
    ignore_error: fc.boolean(),
  },
  { requiredKeys: ['image', 'command'] },
);
const task = fc.record(
  {
    name: text,
    description: text,
    inputs: fc.uniqueArray(
      fc.record({ path, url, name: text, streamable: fc.boolean() }, { requiredKeys: ['path', 'url'] }),
      { maxLength: 5, selector: (input) => normalPath(input.path) },
    ),
    outputs: fc.array(
      fc.record({ path, url, type: fc.constantFrom('FILE', 'DIRECTORY') }, { requiredKeys: ['path', 'url'] }),
      { maxLength: 4 },
    ),
    resources: fc.record(
      {
        cpu_cores: fc.double({ min: 0.1, max: 64, noNaN: true }),
        preemptible: fc.boolean(),
        zones: fc.array(text, { maxLength: 2 }),
      },
      optional,
    ),
    executors: fc.array(executor, { minLength: 1, maxLength: 3 }),
    tags: fc.dictionary(text, text),
  },
  { requiredKeys: ['executors'] },
);

test('a valid task is read as it was sent', () => {
  fc.assert(
    fc.property(task, (sent) => {
      const json: unknown = JSON.parse(JSON.stringify(sent));
      expect(parseTask(json, options)).toEqual(json);
    }),
  );
});

test('whatever is sent beside it does not show', () => {
  fc.assert(
    fc.property(task, fc.dictionary(fc.string({ minLength: 1 }), fc.jsonValue()), (sent, more) => {
      const body = { ...more, ...sent, executors: sent.executors.map((one) => ({ ...more, ...one })) };
      for (const key of KNOWN.filter((known) => !Object.hasOwn(sent, known)))
        Reflect.deleteProperty(body, key);
      body.executors.forEach((one, at) => {
        for (const key of KNOWN.filter((known) => !Object.hasOwn(sent.executors[at] ?? {}, known)))
          Reflect.deleteProperty(one, key);
      });
      expect(parseTask(body, options)).toEqual(JSON.parse(JSON.stringify(sent)));
    }),
  );
});

test('any JSON is either a task or refused as invalid with fields; nothing else is thrown', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.jsonValue(),
        task.chain((sent) => mutated(sent)),
      ),
      (body) => {
        try {
          const read = parseTask(body, options);
          expect(parseTask(read, options)).toEqual(read);
        } catch (error) {
          if (!(error instanceof BulkheadError)) throw error;
          expect(error.code).toBe('invalid');
          expect(error.fields.length).toBeGreaterThan(0);
        }
      },
    ),
    { numRuns: 500 },
  );
});

function mutated(sent: object): fc.Arbitrary<unknown> {
  return fc
    .record({
      key: fc.constantFrom('inputs', 'outputs', 'resources', 'executors', 'tags', 'volumes'),
      value: fc.jsonValue(),
    })
    .map(({ key, value }) => ({
      ...sent,
      [key]: value,
    }));
}

test('inputs collide exactly where comparing each with each says so', () => {
  const short = fc
    .array(fc.constantFrom('a', 'b', 'a-'), { minLength: 1, maxLength: 3 })
    .map((parts) => `/${parts.join('/')}`);
  fc.assert(
    fc.property(
      fc.array(fc.record({ path: short, type: fc.constantFrom('FILE', 'DIRECTORY') }), { maxLength: 6 }),
      (inputs) => {
        const faults = new Faults();
        checkCollisions({ inputs }, faults);
        const collide = inputs.some((a, i) =>
          inputs.some(
            (b, j) => i !== j && (a.path === b.path || (b.type === 'FILE' && isBelow(a.path, b.path))),
          ),
        );
        expect(faults.count > 0).toBe(collide);
      },
    ),
    { numRuns: 500 },
  );
});

test('no image that passes could be an option, a shell word or a template', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[-a-z0-9$`{}()|;&<> :/@._]{1,20}$/)), (image) => {
      if (imageProblem(image) === undefined) expect(image).toMatch(/^[A-Za-z0-9[][A-Za-z0-9._:/@[\]-]*$/);
    }),
  );
});

test('no URL that passes can climb', () => {
  const piece = fc.constantFrom('..', '%2e%2e', '.%2E', '/', '%2F', 'a', 'file://', 'https://h', '?', '#');
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
      const given = pieces.join('');
      if (urlProblem(given) !== undefined || given.startsWith('/')) return;
      const [before = ''] = given.split(/[?#]/);
      expect(decodeURIComponent(before).split('/')).not.toContain('..');
    }),
    { numRuns: 1000 },
  );
});

import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { BulkheadError } from '../errors.ts';
import { readConfigFile } from './file.ts';
import { dotted } from './key-path.ts';

/** What an operator expects of a policy for one task. */
export interface PolicyCase {
  readonly name: string;
  readonly subject: string;
  readonly groups: readonly string[];
  /** As a client would send it. */
  readonly task: unknown;
  readonly expect: PolicyExpectation;
}

export interface PolicyExpectation {
  readonly admitted?: boolean;
  /** Words that the refusals have, each in one of them. */
  readonly refusals?: readonly string[];
  /** Values as they would be written, by field; of every executor. */
  readonly fields?: Readonly<Record<string, string>>;
}

const text = Type.String({ minLength: 1 });
const casesSchema = Type.Object(
  {
    cases: Type.Array(
      Type.Object(
        {
          name: text,
          as: Type.Optional(text),
          groups: Type.Optional(Type.Array(text)),
          task: Type.Object({}, { additionalProperties: true }),
          expect: Type.Object(
            {
              admitted: Type.Optional(Type.Boolean()),
              refusals: Type.Optional(Type.Array(text)),
              fields: Type.Optional(Type.Record(Type.String(), Type.Union([text, Type.Number()]))),
            },
            { additionalProperties: false, minProperties: 1 },
          ),
        },
        { additionalProperties: false },
      ),
      { minItems: 1 },
    ),
  },
  { additionalProperties: false },
);

/** Reads a file of cases, YAML or JSON. Throws `config` with each part that isn't one. */
export function readPolicyCases(file: string, cwd: string): readonly PolicyCase[] {
  const document = readConfigFile(file, cwd);
  const { value } = document;
  if (!Value.Check(casesSchema, value)) {
    const faults = Value.Errors(casesSchema, value).map(({ instancePath, message }) => {
      const path = instancePath
        .split('/')
        .slice(1)
        .map((part) => (/^\d+$/.test(part) ? Number(part) : part));
      return `  ${dotted(path) || 'the whole file'} (${document.originOf(path)}): ${message}`;
    });
    throw new BulkheadError('config', `The cases can't be used:\n${faults.join('\n')}`);
  }
  return value.cases.map(({ name, as = 'anonymous', groups = [], task, expect }) => ({
    name,
    subject: as,
    groups,
    task,
    expect: {
      ...(expect.admitted === undefined ? {} : { admitted: expect.admitted }),
      ...(expect.refusals === undefined ? {} : { refusals: expect.refusals }),
      ...(expect.fields === undefined ? {} : { fields: textual(expect.fields) }),
    },
  }));
}

function textual(fields: Readonly<Record<string, string | number>>): Record<string, string> {
  return Object.fromEntries(Object.entries(fields).map(([field, value]) => [field, String(value)]));
}

import { Type } from '../tes/schema.ts';
import { SPEC_BACKENDS } from './policy-options.ts';
import { sandboxAnswer } from './sandbox-schema.ts';

/** What the routes of the policy take and answer, for the document and for serialising. */

const own = { tags: ['Bulkhead'] };

const word = Type.Object({
  value: Type.String(),
  from: Type.String({
    description: 'Where it is written, such as `policy.ceilings.pids` or `rule guests: ceilings.pids`.',
  }),
});
const orNull = (description: string) => ({ ...word, nullable: true, description });

const explainedField = Type.Object({
  field: Type.String(),
  value: Type.String({ description: 'As it would be written.' }),
  asked: Type.Unsafe<{ as: string; at: string } | null>({
    ...Type.Object({ as: Type.String(), at: Type.String({ description: 'A JSON pointer into the task.' }) }),
    nullable: true,
  }),
  default: word,
  ceiling: Type.Unsafe<Word | null>(orNull('The most that may be asked for.')),
  floor: Type.Unsafe<Word | null>(orNull('The least strength.')),
  machine: Type.Unsafe<Word | null>(orNull('What the machine has.')),
  decided_by: Type.String({ description: '`the task`, or where the value is written.' }),
});

export const policyExplanation = Type.Object(
  {
    admitted: Type.Boolean(),
    subject: Type.String(),
    groups: Type.Array(Type.String()),
    sandbox: Type.Unsafe<object>({
      ...sandboxAnswer.properties.sandbox,
      description:
        'What would be enforced; of a task that is refused, with the nearest that would be granted.',
    }),
    task: Type.Array(explainedField, { description: 'Fields that hold for all executors together.' }),
    executors: Type.Array(
      Type.Object({
        index: Type.Integer(),
        image: Type.String(),
        rules: Type.Array(Type.String(), { description: 'Those that match, in their order.' }),
        fields: Type.Array(explainedField),
      }),
    ),
    refusals: Type.Array(Type.Object({ field: Type.String(), problem: Type.String() })),
    warnings: Type.Array(Type.String()),
    specs: Type.Optional(
      Type.Array(Type.Unsafe<object>({ type: 'object', additionalProperties: true }), {
        description:
          'What the backend would make: for each executor a runtime specification, or the objects of a cluster.',
      }),
    ),
    unknown: Type.Optional(
      Type.Array(Type.String(), {
        description:
          'Parts of `specs` that only the start decides, as JSON pointers; what stands there is an example.',
      }),
    ),
    unenforced: Type.Optional(
      Type.Array(Type.String(), { description: 'Controls that this backend can’t enforce, by name.' }),
    ),
  },
  { $id: 'policyExplanation' },
);

const words = Type.Unsafe<Record<string, string>>({
  type: 'object',
  additionalProperties: { type: 'string' },
});
const texts = (description: string) =>
  Type.Unsafe<string[] | null>({ type: 'array', items: { type: 'string' }, nullable: true, description });

export const policyOverview = Type.Object(
  {
    subject: Type.String(),
    groups: Type.Array(Type.String()),
    profiles: Type.Array(Type.String()),
    tags: Type.Boolean({ description: 'Whether tags named as sandbox parameters count as such.' }),
    fields: Type.Array(
      Type.Object({
        field: Type.String(),
        default: word,
        ceiling: Type.Unsafe<Word | null>(orNull('Null: the machine alone.')),
        floor: Type.Unsafe<Word | null>(orNull('Null: none.')),
      }),
    ),
    read: texts('Null: as the storages of the site have it.'),
    write: texts('Null: as the storages of the site have it.'),
    rules: Type.Array(
      Type.Object({
        id: Type.String(),
        match: Type.Unsafe<object>({ type: 'object', additionalProperties: true }),
        defaults: words,
        ceilings: words,
        floors: words,
        refuse: Type.Unsafe<string | null>({
          type: 'string',
          nullable: true,
          description: 'Why such a task is refused; null where it is not, or not by this rule.',
        }),
      }),
      { description: "Those that hold for some of the caller's tasks, in their order, before all above." },
    ),
  },
  { $id: 'policyOverview' },
);

interface Word {
  value: string;
  from: string;
}

export const POLICY_ROUTE = {
  ...own,
  operationId: 'GetPolicy',
  summary: 'What the caller gets unasked, and may ask for',
  response: { 200: { $ref: 'policyOverview#' } },
};

export const EXPLAIN_ROUTE = {
  ...own,
  operationId: 'ExplainPolicy',
  summary: 'What a task would get, and why, field by field; nothing is created',
  body: { $ref: 'tesTask#' },
  querystring: Type.Object({
    as: Type.Optional(Type.String({ description: 'For operators: another caller.' })),
    group: Type.Optional(
      Type.Array(Type.String(), { description: "With `as`: that caller's groups. May be repeated." }),
    ),
    backend: Type.Optional(
      Type.Enum([...SPEC_BACKENDS], {
        type: 'string',
        description: 'Also what this backend would make of it, whichever the server has.',
      }),
    ),
  }),
  response: { 200: { $ref: 'policyExplanation#' } },
};

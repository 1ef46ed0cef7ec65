import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Static } from '../tes/schema.ts';
import { BulkheadError } from '../errors.ts';
import type { ExplainedField, Explanation } from '../policy/explanation.ts';
import type { Overview } from '../policy/overview.ts';
import { parseTask } from '../tes/parse-task.ts';
import { callerOf } from './identity.ts';
import { refuseOtherMethods } from './methods.ts';
import { isOperator } from './operator.ts';
import { SPEC_BACKENDS } from './policy-options.ts';
import type { Asker, BackendSpecs, PolicyOptions, SpecBackend } from './policy-options.ts';
import { EXPLAIN_ROUTE, POLICY_ROUTE } from './policy-schema.ts';
import type { policyExplanation, policyOverview } from './policy-schema.ts';
import { sandboxView } from './sandbox-view.ts';

type ExplanationAnswer = Static<typeof policyExplanation>;
type OverviewAnswer = Static<typeof policyOverview>;

interface Query {
  readonly as?: unknown;
  readonly group?: unknown;
  readonly backend?: unknown;
}

/** `GET …/policy`: the caller's own ceilings. `POST …/policy:explain`: what a task would get, and why. */
export function policyRoutes(app: FastifyInstance, policy: PolicyOptions, contentBytes: number): void {
  app.get('/policy', { schema: POLICY_ROUTE }, async (request) => {
    const { subject, groups } = callerOf(request);
    return overviewView({ subject, groups }, policy.overview({ subject, groups }));
  });

  // Two colons are one that isn't the beginning of a parameter.
  app.post<{ Querystring: Query }>('/policy::explain', { schema: EXPLAIN_ROUTE }, async (request) => {
    const asker = askerOf(request, policy.operators);
    const backend = backendOf(request.query.backend);
    const document = parseTask(request.body, { maxContentBytes: contentBytes });
    const explanation = policy.explain(document, asker);
    return {
      ...explanationView(asker, explanation),
      // Of a task that is refused, nothing would be made.
      ...(backend !== undefined &&
        explanation.isAdmitted &&
        withoutReadonly(policy.specs(document, explanation.sandbox, backend))),
    } satisfies ExplanationAnswer;
  });
  refuseOtherMethods(app, '/policy', ['GET']);
  refuseOtherMethods(app, '/policy::explain', ['POST']);
}

/** The caller, or for an operator, whom it names. Throws `forbidden` for anybody else. */
function askerOf(request: FastifyRequest<{ Querystring: Query }>, operators: readonly string[]): Asker {
  const caller = callerOf(request);
  const { as, group } = request.query;
  if (as === undefined && group === undefined) return { subject: caller.subject, groups: caller.groups };
  if (!isOperator(caller, operators)) {
    throw new BulkheadError(
      'forbidden',
      `${caller.subject} is no operator of this server, and may ask for itself only: leave out "as" and "group".`,
    );
  }
  return { subject: as === undefined ? caller.subject : textOf('as', as), groups: textsOf('group', group) };
}

function backendOf(value: unknown): SpecBackend | undefined {
  const found = SPEC_BACKENDS.find((backend) => backend === value);
  if (value === undefined || found !== undefined) return found;
  throw wrong('backend', `is ${JSON.stringify(value)}, not one of ${SPEC_BACKENDS.join(', ')}`);
}

function textsOf(name: string, value: unknown): string[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value.map((each: unknown) => textOf(name, each)) : [textOf(name, value)];
}

function textOf(name: string, value: unknown): string {
  if (typeof value === 'string' && value !== '') return value;
  throw wrong(name, 'must be a name, given once');
}

function wrong(name: string, problem: string): BulkheadError {
  return new BulkheadError('invalid', `${name} ${problem}.`, { fields: [{ field: name, problem }] });
}

function explanationView(
  { subject, groups }: Asker,
  explanation: Explanation,
): Omit<ExplanationAnswer, 'specs' | 'unknown' | 'unenforced'> {
  const { isAdmitted, sandbox, task, executors, refusals, warnings } = explanation;
  return {
    admitted: isAdmitted,
    subject,
    groups: [...groups],
    sandbox: sandboxView(sandbox),
    task: task.map(fieldView),
    executors: executors.map(({ index, image, rules, fields }) => ({
      index,
      image,
      rules: [...rules],
      fields: fields.map(fieldView),
    })),
    refusals: refusals.map(({ field, problem }) => ({ field, problem })),
    warnings: [...warnings],
  };
}

function fieldView(explained: ExplainedField): ExplanationAnswer['task'][number] {
  const { field, value, asked, ceiling, floor, machine, decidedBy } = explained;
  return {
    field,
    value,
    asked: asked ?? null,
    default: explained.default,
    ceiling: ceiling ?? null,
    floor: floor ?? null,
    machine: machine ?? null,
    decided_by: decidedBy,
  };
}

function overviewView({ subject, groups }: Asker, overview: Overview): OverviewAnswer {
  const { profiles, tags, fields, read, write, rules } = overview;
  return {
    subject,
    groups: [...groups],
    profiles: [...profiles],
    tags,
    fields: fields.map(({ field, default: byDefault, ceiling, floor }) => ({
      field,
      default: byDefault,
      ceiling: ceiling ?? null,
      floor: floor ?? null,
    })),
    read: read === undefined ? null : [...read],
    write: write === undefined ? null : [...write],
    rules: rules.map(({ refuse, ...rule }) => ({ ...rule, refuse: refuse ?? null })),
  };
}

function withoutReadonly({
  specs,
  unknown,
  unenforced,
}: BackendSpecs): Pick<ExplanationAnswer, 'specs' | 'unknown' | 'unenforced'> {
  return { specs: [...specs], unknown: [...unknown], unenforced: [...unenforced] };
}

import type { FieldFault } from '../errors.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import type { Decision } from './decision.ts';
import { EXECUTOR_FIELDS, SCALES, TASK_FIELDS } from './fields.ts';
import type { Field, Values } from './fields.ts';
import { formatSource } from './levels.ts';
import type { Source } from './levels.ts';
import { resolve } from './resolution.ts';
import type { AdmissionRequest } from './resolution.ts';
import type { ExecutorDecisions } from './resolve-executor.ts';

/** Why a task would get what it would get, field by field; nothing is created. */
export interface Explanation {
  readonly isAdmitted: boolean;
  /** What would be enforced; of a task that is refused, with the nearest that would be granted. */
  readonly sandbox: Sandbox;
  readonly task: readonly ExplainedField[];
  readonly executors: readonly ExplainedExecutor[];
  readonly refusals: readonly FieldFault[];
  readonly warnings: readonly string[];
}

export interface ExplainedExecutor {
  readonly index: number;
  readonly image: string;
  /** Ids of the rules that match, in their order; what one has a word on first is decided by it. */
  readonly rules: readonly string[];
  readonly fields: readonly ExplainedField[];
}

/** Values as they would be written. */
export interface ExplainedField {
  readonly field: Field;
  readonly value: string;
  readonly asked: { readonly as: string; readonly at: string } | undefined;
  readonly default: ExplainedWord;
  readonly ceiling: ExplainedWord | undefined;
  readonly floor: ExplainedWord | undefined;
  readonly machine: ExplainedWord | undefined;
  /** `the task`, or where the value is written. */
  readonly decidedBy: string;
  readonly rule: string | undefined;
}

export interface ExplainedWord {
  readonly value: string;
  /** `policy.ceilings.pids`, `rule guests: ceilings.pids`. */
  readonly from: string;
  readonly rule: string | undefined;
}

/** Pure. Throws as `resolve` does. */
export function explain(request: AdmissionRequest): Explanation {
  const { sandbox, task, executors, levels, refusals, warnings } = resolve(request);
  return {
    isAdmitted: refusals.length === 0,
    sandbox,
    task: TASK_FIELDS.map((field) => explainField(field, task.decisions[field])),
    executors: executors.map(({ decisions }, index) => ({
      index,
      image: request.document.executors[index]?.image ?? '',
      rules: (levels[index] ?? []).map(({ rule }) => rule).filter((rule) => rule !== undefined),
      fields: EXECUTOR_FIELDS.filter((field) => field !== 'egress' || isOnEgress(decisions)).map((field) =>
        explainField(field, decisions[field]),
      ),
    })),
    refusals,
    warnings,
  };
}

/** A list of places says something only where there may be one. */
function isOnEgress({ network, egress }: ExecutorDecisions): boolean {
  return network.value === 'egress' || egress.asked !== undefined || egress.refusal !== undefined;
}

function explainField<F extends Field>(field: F, decision: Decision<Values[F]>): ExplainedField {
  const { value, asked, byDefault, bounds, decidedBy } = decision;
  const scale = SCALES[field];
  const word = ({ value: own, source }: { value: Values[F]; source: Source }): ExplainedWord => ({
    value: scale.format(own),
    from: formatSource(source),
    rule: source.rule,
  });
  const bound = (kind: 'ceiling' | 'floor' | 'machine'): ExplainedWord | undefined => {
    const found = bounds.find((each) => each.kind === kind);
    return found === undefined ? undefined : word(found);
  };
  return {
    field,
    value: scale.format(value),
    asked: asked === undefined ? undefined : { as: asked.as, at: asked.at },
    default: word(byDefault),
    ceiling: bound('ceiling'),
    floor: bound('floor'),
    machine: bound('machine'),
    decidedBy: decidedBy === undefined ? 'the task' : formatSource(decidedBy),
    rule: decidedBy?.rule,
  };
}

import { BulkheadError } from '../errors.ts';

/** What `POST /bulkhead/v1/policy:explain` answers, as far as people are shown it. */
export interface ExplanationAnswer {
  readonly admitted: boolean;
  readonly subject: string;
  readonly groups: readonly string[];
  readonly task: readonly FieldAnswer[];
  readonly executors: readonly {
    readonly index: number;
    readonly image: string;
    readonly rules: readonly string[];
    readonly fields: readonly FieldAnswer[];
  }[];
  readonly refusals: readonly { readonly field: string; readonly problem: string }[];
  readonly warnings: readonly string[];
  readonly specs?: readonly unknown[];
  readonly unenforced?: readonly string[];
}

export interface FieldAnswer {
  readonly field: string;
  readonly value: string;
  readonly asked: { readonly as: string } | null;
  readonly default: WordAnswer;
  readonly ceiling: WordAnswer | null;
  readonly floor: WordAnswer | null;
  readonly machine: WordAnswer | null;
  readonly decided_by: string;
}

interface WordAnswer {
  readonly value: string;
  readonly from: string;
}

/** What `GET /bulkhead/v1/policy` answers, as far as people are shown it. */
export interface OverviewAnswer {
  readonly subject: string;
  readonly groups: readonly string[];
  readonly profiles: readonly string[];
  readonly fields: readonly Pick<FieldAnswer, 'field' | 'default' | 'ceiling' | 'floor'>[];
  readonly read: readonly string[] | null;
  readonly write: readonly string[] | null;
  readonly rules: readonly { readonly id: string; readonly refuse: string | null }[];
}

/** Throws `not-found` for an answer of something else. */
export function explanationOf(answer: unknown): ExplanationAnswer {
  if (hasLists<ExplanationAnswer>(answer, ['task', 'executors', 'refusals', 'warnings'])) return answer;
  throw notBulkhead();
}

/** Throws `not-found` for an answer of something else. */
export function overviewOf(answer: unknown): OverviewAnswer {
  if (hasLists<OverviewAnswer>(answer, ['profiles', 'fields', 'rules'])) return answer;
  throw notBulkhead();
}

function hasLists<T extends object>(answer: unknown, names: readonly (keyof T & string)[]): answer is T {
  if (typeof answer !== 'object' || answer === null) return false;
  const members = new Map<string, unknown>(Object.entries(answer));
  return names.every((name) => Array.isArray(members.get(name)));
}

function notBulkhead(): BulkheadError {
  return new BulkheadError('not-found', 'What answers is not a Bulkhead server: check --server');
}

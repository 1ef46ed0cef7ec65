import { BulkheadError } from '../errors.ts';

/** What `/bulkhead/v1/drain` answers. */
export interface DrainState {
  readonly draining: boolean;
  readonly takes_creates: boolean;
  readonly running: number;
  readonly holds: readonly { readonly cause: string; readonly reason: string; readonly since: string }[];
}

/** Throws `not-found` for an answer of something else. */
export function drainStateOf(answer: unknown): DrainState {
  if (isDrainState(answer)) return answer;
  throw new BulkheadError('not-found', 'What answers is not a Bulkhead server: check --server');
}

function isDrainState(value: unknown): value is DrainState {
  return (
    typeof value === 'object' &&
    value !== null &&
    'draining' in value &&
    'running' in value &&
    typeof value.running === 'number' &&
    'holds' in value &&
    Array.isArray(value.holds)
  );
}

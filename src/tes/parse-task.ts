import { BulkheadError } from '../errors.ts';
import { checkCollisions } from './collision.ts';
import { taskDocument } from './document-schema.ts';
import { checkDocument } from './document-check.ts';
import { Faults } from './faults.ts';
import { fits, readShape } from './shape.ts';
import type { Draft } from './shape.ts';
import type { TesTaskDocument } from './task.ts';

export interface ParseTaskOptions {
  /** Bytes of UTF-8 that the `content` of one input may have; the specification wants 128 KiB at least. */
  readonly maxContentBytes: number;
}

/**
 * Reads what a client sent as a TES task. Fields that TES doesn't have, read-only fields, and nulls where nothing is
 * required are dropped, as are empty strings in place of optional paths: real clients send them. Throws `invalid`
 * with every fault, each by its JSON pointer.
 *
 * Backend parameters are only checked for their types: which of them are supported is for admission.
 */
export function parseTask(body: unknown, options: ParseTaskOptions): TesTaskDocument {
  const faults = new Faults();
  const draft = withoutEmptyPaths(readShape(taskDocument, body, '', faults) ?? {});
  checkDocument(draft, options, faults);
  checkCollisions(draft, faults);
  if (faults.count > 0) throw invalid(faults);
  if (!fits(taskDocument, draft))
    throw new BulkheadError('internal', 'a task without a fault does not fit the schema of tasks');
  return draft;
}

/** Clients whose language has no absent strings send empty ones. */
function withoutEmptyPaths(draft: Draft<TesTaskDocument>): Draft<TesTaskDocument> {
  return {
    ...draft,
    ...(draft.inputs && { inputs: draft.inputs.map((input) => input && without(input, ['url'])) }),
    ...(draft.outputs && {
      outputs: draft.outputs.map((output) => output && without(output, ['path_prefix'])),
    }),
    ...(draft.executors && {
      executors: draft.executors.map(
        (executor) => executor && without(executor, ['workdir', 'stdin', 'stdout', 'stderr']),
      ),
    }),
  };
}

function without<T extends object>(value: T, keys: readonly (keyof T)[]): T {
  const empty = keys.filter((key) => value[key] === '');
  if (empty.length === 0) return value;
  const copy = { ...value };
  for (const key of empty) delete copy[key];
  return copy;
}

function invalid({ kept, count }: Faults): BulkheadError {
  const [first] = kept;
  const where = first?.field === '' ? 'the document' : first?.field;
  const more = count > 1 ? ` (and ${count - 1} more)` : '';
  return new BulkheadError('invalid', `The task is not valid: ${where} ${first?.problem}${more}.`, {
    fields: kept,
  });
}

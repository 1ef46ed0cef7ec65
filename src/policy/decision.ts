import type { FieldFault } from '../errors.ts';
import type { Asked } from './asks.ts';
import { formatSource } from './levels.ts';
import type { Found, Source } from './levels.ts';
import type { Scale } from './scale.ts';

/** How one field of a sandbox came to its value. */
export interface Decision<T> {
  readonly value: T;
  readonly asked: Asked<T> | undefined;
  readonly byDefault: Found<T>;
  readonly bounds: readonly Bound<T>[];
  /** Whose value it is; undefined: the task's. */
  readonly decidedBy: Source | undefined;
  /** Why what is asked for isn't granted; the value is then the nearest that would be. */
  readonly refusal: FieldFault | undefined;
}

/** What a value may be at most. */
export interface Bound<T> extends Found<T> {
  readonly kind: 'ceiling' | 'floor' | 'machine';
}

/**
 * Decides one field: what is asked for, where it is within every bound, is granted; where it isn't, it is refused. What
 * isn't asked for is the default, as far as the bounds let it. Pure, total.
 */
export function decide<T>(
  scale: Scale<T>,
  { asked, byDefault, bounds }: Pick<Decision<T>, 'asked' | 'byDefault' | 'bounds'>,
): Decision<T> {
  const bound = tightestOf(scale, bounds);
  const common = { asked, byDefault, bounds };
  // Not by `??`, which takes a duration's null for none.
  const value = asked === undefined ? byDefault.value : asked.value;
  if (bound === undefined || scale.isWithin(value, bound.value))
    return {
      ...common,
      value,
      decidedBy: asked === undefined ? byDefault.source : undefined,
      refusal: undefined,
    };
  const nearest = { ...common, value: scale.tightest(value, bound.value), decidedBy: bound.source };
  if (asked === undefined) return { ...nearest, refusal: undefined };
  const problem = `asked ${scale.format(value)}, ${WORDS[bound.kind]} ${scale.format(bound.value)} (${formatSource(bound.source)})`;
  return { ...nearest, refusal: { field: asked.at, problem } };
}

/** The rules that had a part in a decision: whose default or bound it is, or who let the task have what it asks for. */
export function decidingRule<T>(
  scale: Scale<T>,
  { asked, bounds, decidedBy }: Decision<T>,
): string | undefined {
  return asked === undefined ? decidedBy?.rule : tightestOf(scale, bounds)?.source.rule;
}

const WORDS = { ceiling: 'the ceiling is', floor: 'the floor is', machine: 'the limit is' } as const;

function tightestOf<T>(scale: Scale<T>, bounds: readonly Bound<T>[]): Bound<T> | undefined {
  const [first, ...rest] = bounds;
  if (first === undefined) return undefined;
  return rest.reduce((best, each) => (scale.isWithin(best.value, each.value) ? best : each), first);
}

/** One figure of a benchmark, beside the limit that the same machine had in the same run. */
export interface Measurement {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  /** A limit that was measured in the same run; the ratio to it says more than the figure. */
  readonly beside?: { readonly what: string; readonly value: number };
  /** What the project has set itself, for the figure or for its ratio to what stands beside it. */
  readonly target?: Target;
}

export interface Target {
  readonly of: 'value' | 'ratio';
  readonly atLeast?: number;
  readonly atMost?: number;
}

/** How many times the limit beside it. */
export function ratioOf({ value, beside }: Measurement): number | undefined {
  return beside === undefined ? undefined : value / beside.value;
}

/** Undefined where no target was set. */
export function isMet(measurement: Measurement): boolean | undefined {
  const { target, value } = measurement;
  if (target === undefined) return undefined;
  const figure = target.of === 'value' ? value : (ratioOf(measurement) ?? Number.NaN);
  return figure >= (target.atLeast ?? -Infinity) && figure <= (target.atMost ?? Infinity);
}

export function formatMeasurement(measurement: Measurement): string {
  const { what, value, unit, beside, target } = measurement;
  const ratio = ratioOf(measurement);
  const parts = [`${what.padEnd(66)} ${round(value).padStart(9)} ${unit.padEnd(4)}`];
  if (beside !== undefined && ratio !== undefined)
    parts.push(`${round(ratio)} x ${beside.what} (${round(beside.value)})`);
  if (target !== undefined) parts.push(`[${isMet(measurement) ? 'met' : 'MISSED'}: ${formatTarget(target)}]`);
  return parts.join('  ').trimEnd();
}

/** A quantile of some durations or rates, from 0 to 1. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}

function formatTarget({ of, atLeast, atMost }: Target): string {
  const bound = atLeast === undefined ? `at most ${atMost}` : `at least ${atLeast}`;
  return of === 'ratio' ? `${bound} x` : bound;
}

function round(value: number): string {
  return value >= 100 ? String(Math.round(value)) : value.toFixed(2);
}

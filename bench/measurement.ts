/** One figure of a benchmark, beside the limit that the same machine had in the same run. */
export interface Measurement {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  /** What it is compared with: a measured limit, or the aim that the project has set itself. */
  readonly beside?: { readonly what: string; readonly value: number };
}

export function formatMeasurement({ what, value, unit, beside }: Measurement): string {
  const figure = `${what.padEnd(64)} ${round(value).padStart(9)} ${unit.padEnd(4)}`;
  return beside === undefined ? figure : `${figure}  (${beside.what}: ${round(beside.value)})`;
}

/** A quantile of some durations or rates, from 0 to 1. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}

function round(value: number): string {
  return value >= 100 ? String(Math.round(value)) : value.toFixed(2);
}

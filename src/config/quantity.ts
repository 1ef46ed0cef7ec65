/** Bytes. */
export type Bytes = number;
/** Bytes, or a part of a whole that is known later, from 0 to 100. */
export type SizeOrPercent = Bytes | { readonly percent: number };

/**
 * Reads a size such as `512MB` (powers of 1000), `10GiB` (powers of 1024), `100B` or a bare number of bytes.
 * Undefined where the text isn't one. A fraction is rounded to whole bytes.
 */
export function parseSize(text: string): Bytes | undefined {
  const match = SIZE.exec(text);
  const scale = BYTES.get((match?.[2] ?? '').toLowerCase());
  if (match === null || scale === undefined) return undefined;
  const bytes = Math.round(Number(match[1]) * scale);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** Reads a percentage from `0%` to `100%`. Undefined where the text isn't one. */
export function parsePercent(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)%$/.exec(text);
  const percent = Number(match?.[1]);
  return percent >= 0 && percent <= 100 ? percent : undefined;
}

const BYTES: ReadonlyMap<string, number> = new Map([
  ['', 1],
  ['b', 1],
  ['kb', 1e3],
  ['mb', 1e6],
  ['gb', 1e9],
  ['tb', 1e12],
  ['kib', 2 ** 10],
  ['mib', 2 ** 20],
  ['gib', 2 ** 30],
  ['tib', 2 ** 40],
]);
const SIZE = /^(\d+(?:\.\d+)?)\s?([a-z]*)$/i;

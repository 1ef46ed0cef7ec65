/** Milliseconds. */
export type Milliseconds = number;
/** Bytes. */
export type Bytes = number;
/** Bytes, or a part of a whole that is known later, from 0 to 100. */
export type SizeOrPercent = Bytes | { readonly percent: number };

/**
 * Reads a duration such as `250ms`, `30s`, `90m`, `12h`, `30d` or `1h30m` as milliseconds. Undefined where the
 * text isn't one: a bare number has no unit, and is refused rather than guessed at.
 */
export function parseDuration(text: string): Milliseconds | undefined {
  if (!DURATION.test(text)) return undefined;
  let total = 0;
  for (const [, amount, unit] of text.matchAll(DURATION_PART)) {
    const scale = MILLISECONDS.get(unit ?? '');
    if (scale === undefined) return undefined;
    total += Number(amount) * scale;
  }
  const rounded = Math.round(total);
  return Number.isSafeInteger(rounded) ? rounded : undefined;
}

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

const MILLISECONDS: ReadonlyMap<string, number> = new Map([
  ['ms', 1],
  ['s', 1000],
  ['m', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000],
  ['w', 604_800_000],
]);
const DURATION = /^(?:\d+(?:\.\d+)?(?:ms|[smhdw]))+$/;
const DURATION_PART = /(\d+(?:\.\d+)?)(ms|[smhdw])/g;

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

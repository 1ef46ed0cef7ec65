/** Milliseconds. */
export type Milliseconds = number;

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

/** The reverse, in the fewest units: `1h30m`. */
export function formatDuration(milliseconds: Milliseconds): string {
  let left = milliseconds;
  let text = '';
  for (const [unit, scale] of FORMATTED) {
    const count = Math.floor(left / scale);
    if (count > 0) text += `${count}${unit}`;
    left -= count * scale;
  }
  return text === '' ? '0s' : text;
}

const MILLISECONDS: ReadonlyMap<string, number> = new Map([
  ['ms', 1],
  ['s', 1000],
  ['m', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000],
  ['w', 604_800_000],
]);
const FORMATTED = [...MILLISECONDS].filter(([unit]) => unit !== 'w').toReversed();
const DURATION = /^(?:\d+(?:\.\d+)?(?:ms|[smhdw]))+$/;
const DURATION_PART = /(\d+(?:\.\d+)?)(ms|[smhdw])/g;

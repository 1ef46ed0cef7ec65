/** SQLite compares text as UTF-8 bytes, whose order is that of the code points. */
export interface NameRange {
  readonly from: string;
  /** The first string after all that begin with the prefix; undefined where there is none. */
  readonly below: string | undefined;
}

const LAST_CODE_POINT = 0x10_ff_ff;
const LAST_BEFORE_SURROGATES = 0xd7_ff;
const FIRST_AFTER_SURROGATES = 0xe0_00;

/** The names that begin with a prefix, literally, as a range. Lone surrogates become U+FFFD, as in the database. */
export function nameRange(prefix: string): NameRange {
  const points = Array.from(prefix.toWellFormed(), (character) => character.codePointAt(0) ?? 0);
  while (points.at(-1) === LAST_CODE_POINT) points.pop();
  const last = points.pop();
  const from = prefix.toWellFormed();
  if (last === undefined) return { from, below: undefined };
  // Surrogates are no characters: UTF-8 has none, so nothing lies between the two.
  const next = last === LAST_BEFORE_SURROGATES ? FIRST_AFTER_SURROGATES : last + 1;
  return { from, below: String.fromCodePoint(...points, next) };
}

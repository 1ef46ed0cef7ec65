import { BulkheadError } from '../errors.ts';

/** Letters, digits and `. _ - @`, at most 64: fits in Basic credentials, in a log line and in a table as it is. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/;

export function isName(text: unknown): text is string {
  return typeof text === 'string' && NAME.test(text);
}

/** Throws `invalid`. */
export function demandName(what: 'user' | 'group', text: string): void {
  if (isName(text)) return;
  throw new BulkheadError(
    'invalid',
    `${JSON.stringify(text)} can't be the name of a ${what}: use letters, digits and . _ - @, at most 64, with a letter or digit first`,
  );
}

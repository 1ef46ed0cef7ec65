import { BulkheadError } from '../errors.ts';

const NAME = 'Idempotency-Key';
const QUOTED = /^"((?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\["\\])+)"$/;
const BARE = /^[\x21\x23-\x7e]+$/;
const MAX_LENGTH = 255;

/**
 * The key by which a client repeats a request that it got no answer to; undefined where it sends none. As the draft
 * wants it, a string in quotation marks; many clients leave the marks out. Throws `invalid`.
 * Source: draft-ietf-httpapi-idempotency-key-header, section 2.1; RFC 9651, section 3.3.3.
 */
export function idempotencyKeyOf(header: string | readonly string[] | undefined): string | undefined {
  if (header === undefined) return undefined;
  if (typeof header !== 'string') throw invalid('is sent more than once');
  const text = header.trim();
  const quoted = QUOTED.exec(text)?.[1]?.replaceAll(/\\(["\\])/g, '$1');
  const key = quoted ?? (BARE.test(text) ? text : undefined);
  if (key === undefined)
    throw invalid('must be printable ASCII, in quotation marks where it has spaces, and not empty');
  if (key.length > MAX_LENGTH) throw invalid(`has ${key.length} characters, the limit is ${MAX_LENGTH}`);
  return key;
}

function invalid(problem: string): BulkheadError {
  return new BulkheadError('invalid', `The header ${NAME} ${problem}.`, {
    fields: [{ field: NAME, problem }],
  });
}

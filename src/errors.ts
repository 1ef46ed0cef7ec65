/**
 * Every error that Bulkhead throws on purpose. The code is from one closed union so that a `switch` narrows;
 * the message names the field, the value, the limit and what to do.
 */
export class BulkheadError extends Error {
  readonly code: ErrorCode;
  /** The fields at fault, each by its JSON path in what the caller sent, where there are any. */
  readonly fields: readonly FieldFault[];
  /** Of what passes: when the same may work, in milliseconds from now, where that is known. */
  readonly retryAfterMs: number | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options: { fields?: readonly FieldFault[]; retryAfterMs?: number; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'BulkheadError';
    this.code = code;
    this.fields = options.fields ?? [];
    this.retryAfterMs = options.retryAfterMs;
  }
}

export interface FieldFault {
  /** A JSON pointer into the document, such as `/executors/0/command`. */
  readonly field: string;
  readonly problem: string;
}

export type ErrorCode =
  /** The caller's document or query is wrong: HTTP 400. */
  | 'invalid'
  /** The site's policy or the machine's size refuses the task: HTTP 400. */
  | 'refused'
  | 'unauthenticated'
  | 'forbidden'
  /** Unknown, or another principal's: HTTP 404. */
  | 'not-found'
  /** The same idempotency key with another document: HTTP 409. */
  | 'conflict'
  | 'too-large'
  /** Too much is asked at once; the same request may work later: HTTP 503 with Retry-After. */
  | 'busy'
  /** The configuration can't be used; the message names the key. */
  | 'config'
  /** The command line found no server at the address; the message says how to start one. */
  | 'unreachable'
  /** The host lacks something; the message says how to get it. */
  | 'host'
  | 'store'
  | 'store-locked'
  | 'store-read-only'
  | 'store-newer'
  | 'image-reference'
  | 'image-not-found'
  | 'image-platform'
  | 'image-invalid'
  | 'registry'
  | 'storage-unsupported'
  | 'storage-denied'
  | 'storage-not-found'
  | 'storage-failed'
  | 'disk-full'
  | 'warden'
  | 'runtime'
  | 'evidence'
  /** An attempt was lost by the host's fault, as by its restart: another attempt may succeed. */
  | 'attempt-lost'
  /** Whoever writes had an attempt's lease, and another engine has it now: nothing was written. */
  | 'fenced'
  | 'canceled'
  | 'internal';

export function isBulkheadError(error: unknown): error is BulkheadError {
  return error instanceof BulkheadError;
}

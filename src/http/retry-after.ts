import type { BulkheadError, ErrorCode } from '../errors.ts';

/**
 * Where the error itself doesn't know when the same request may work, in seconds: a lock was waited for already, a
 * server that stops is started again in a moment; room on a disk, and the rights to it, are made by people or by tasks
 * that end.
 */
const SECONDS: Readonly<Partial<Record<ErrorCode, number>>> = {
  'store-locked': 5,
  canceled: 5,
  busy: 5,
  'disk-full': 60,
  'store-read-only': 60,
};

/** Whole seconds, at least one; undefined where coming again doesn't help. Source: RFC 9110, section 10.2.3. */
export function retryAfter({ code, retryAfterMs }: BulkheadError): string | undefined {
  const seconds = retryAfterMs === undefined ? SECONDS[code] : Math.max(1, Math.ceil(retryAfterMs / 1000));
  return seconds === undefined ? undefined : String(seconds);
}
